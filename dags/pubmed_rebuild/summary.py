"""What a run tells of itself: small figures that its tasks hand on."""

from collections.abc import Iterable, Sequence
from typing import Any

from xml_rebuild.staging import PartSummary

MB = 1e6

Summary = dict[str, Any]


def of_share(rebuild: str, parts: Iterable[PartSummary], began: float, ended: float) -> Summary:
    """What one mapped task loaded, and when; its records are citations, so without their withdrawals."""
    done = list(parts)
    records, size = sum(part.rows["article"] for part in done), sum(part.bytes for part in done)
    return {"rebuild": rebuild, "records": records, "bytes": size, "began": began, "ended": ended}


def load_seconds(shares: Sequence[Summary]) -> float:
    """From the first mapped task's beginning to the last one's end."""
    return round(max(share["ended"] for share in shares) - min(share["began"] for share in shares), 3)


def report(summary: Summary) -> Summary:
    """The summary as the last task returns it."""
    seconds = sum(summary["phases"].values())
    figures = {name: summary[name] for name in ("rebuild", "records", "rejected", "bytes", "phases", "before")}
    return figures | {
        "seconds": round(seconds, 3),
        "mb_per_s": round(summary["bytes"] / MB / seconds, 1),
        "tables": summary["rows"],
        "rules": summary["removed"],
    }
