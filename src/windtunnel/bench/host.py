"""The machine that the figures are from."""

import os
import platform
from pathlib import Path
from typing import Any

from windtunnel import engine


def description() -> dict[str, Any]:
    """What of the machine bears on speed, and what else ran when the benchmark began."""
    found = engine.find()
    return {
        "processor": _processor(),
        "cpus": os.cpu_count(),
        "memory_bytes": found.memory_bytes,
        "system": platform.platform(),
        "docker": found.server,
        "load_at_start": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    table = Path("/proc/cpuinfo")
    lines = table.read_text().splitlines() if table.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
