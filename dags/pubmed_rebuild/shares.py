"""The parts of a rebuild as shares for mapped tasks."""

from collections.abc import Sequence
from itertools import pairwise

from xml_rebuild.parts import Part

#: Airflow refuses to map a task over more than core.max_map_length (1024) items, and a task costs a worker seconds.
MOST = 200


def shared(parts: Sequence[Part], most: int = MOST) -> list[list[Part]]:
    """`parts` in their order as at most `most` shares of neighbours, of equal length but for one part."""
    count = min(most, len(parts))
    ends = [len(parts) * number // count for number in range(count + 1)]
    return [list(parts[start:end]) for start, end in pairwise(ends)]


def label(share: Sequence[Part]) -> str:
    """What Airflow shows in place of the mapped task's number."""
    first, more = share[0], len(share) - 1
    name = first.source.url.rpartition("/")[2]
    place = f" from {first.start / 1e6:.0f} MB" if first.start else ""
    return f"{first.number}: {name}{place}" + (f" and {more} more" if more else "")
