"""Builds the C engine with the compiler that comes as the Python package `ziglang`, for any machine that Python has.

    python -m xml_rebuild.native.build

builds it in place. It holds no Python of any version, and needs nothing but the C library.
"""

import hashlib
import os
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
#: Old enough for every Linux that a Python package is built for.
_GLIBC = "2.17"
_MACOS = "11.0"
_FLAGS = ("-std=c11", "-O3", "-g0", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden")


def sources(folder: Path = FOLDER) -> list[Path]:
    """The C files and their headers."""
    return sorted([*folder.glob("*.c"), *folder.glob("*.h")])


@cache
def target(folder: Path = FOLDER) -> Path:
    """Where the library of just these sources is, or would be."""
    digest = hashlib.sha256()
    for source in sources():
        digest.update(source.read_bytes())
    return folder / f"engine-{digest.hexdigest()[:12]}.so"


def machine() -> str:
    """This machine, as Zig calls it."""
    architecture = {"arm64": "aarch64", "amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    if sys.platform == "darwin":
        return f"{architecture}-macos.{_MACOS}"
    return f"{architecture}-linux-" + (f"gnu.{_GLIBC}" if platform.libc_ver()[0] == "glibc" else "musl")


def build(folder: Path = FOLDER) -> Path:
    """Compile into `folder`, unless that was done, and take away what other sources were compiled to.

    Raises OSError or subprocess.CalledProcessError where there is no compiler or it fails.
    """
    library = target(folder)
    if library.exists():
        return library
    # Others may be at it as well.
    partial = library.with_suffix(f".{os.getpid()}")
    files = [str(source) for source in sources() if source.suffix == ".c"]
    compiler = [sys.executable, "-m", "ziglang", "cc", "-target", machine()]
    subprocess.run([*compiler, *_FLAGS, *files, "-o", str(partial)], check=True)
    partial.replace(library)
    for old in set(folder.glob("engine-*.so")) - {library}:
        old.unlink()
    return library


if __name__ == "__main__":
    print(build())
