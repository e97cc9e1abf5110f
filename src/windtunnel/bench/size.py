"""Sizes as a person writes them."""

import re

from windtunnel.errors import UsageError

UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}


def size_of(text: str) -> int:
    """The bytes of "3GB", "50 MB" or "1000".

    Raises:
        UsageError: it is not a size, or none that a document could have.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]B)?", text.strip(), re.IGNORECASE)
    size = round(float(match[1]) * UNITS[(match[2] or "").upper()]) if match else 0
    if size < 10**5:
        raise UsageError(f"--size {text}: expected at least 100KB, such as 50MB or 3GB")
    return size


def shown(size: int) -> str:
    """A size in the unit in which it is short."""
    unit = next(unit for unit in ("GB", "MB", "KB", "") if size >= UNITS[unit])
    return f"{size / UNITS[unit]:.3g} {unit}".strip()
