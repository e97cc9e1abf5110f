"""Figures as sentences say them."""

from collections.abc import Sequence
from datetime import datetime, timedelta


def megabytes(size: int | None) -> str:
    """A size in bytes."""
    return "an unknown size" if size is None else f"{size / 1e6:,.0f} MB"


def ago(now: datetime, since: datetime | None) -> str:
    """A past moment: the time of day and how long ago."""
    return "an unknown time" if since is None else f"{since:%H:%M:%S} UTC ({lasting(now - since)} ago)"


def lasting(duration: timedelta) -> str:
    """A duration in its two largest units of hours, minutes and seconds."""
    minutes, seconds = divmod(max(0, round(duration.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def some(names: Sequence[str], most: int = 5) -> str:
    """The first names of a list, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
