"""A process as /proc shows it from outside. Its files' meaning: https://docs.kernel.org/filesystems/proc.html"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

KIB = 1024
RESIDENT = re.compile(
    rb"VmHWM:\s*(\d+) kB\nVmRSS:\s*(\d+) kB\nRssAnon:\s*(\d+) kB\nRssFile:\s*(\d+) kB\nRssShmem:\s*(\d+) kB"
)
ROLLUP_LINE = re.compile(rb"^(\w+):\s*(\d+) kB$", re.MULTILINE)


class ProcessGone(Exception):
    """The process has ended; it may still wait for its parent as a zombie."""


@dataclass(frozen=True, slots=True)
class Resident:
    """Bytes of a process that are in memory: a cheap read (17 µs).

    Attributes:
        written: anonymous and shared memory, which no reclaim frees (the containers have no swap).
        hwm: the greatest `rss` since the process' start or its last exec.
    """

    rss: int
    written: int
    hwm: int

    @property
    def file(self) -> int:
        """Pages of files, such as libraries."""
        return self.rss - self.written


@dataclass(frozen=True, slots=True)
class Rollup:
    """Bytes of a process by how they are shared: an expensive read (2 ms at 200 MB, 11 ms at 1 GiB).

    Attributes:
        rss: all its pages.
        pss: all its pages, each divided by the number of processes that map it.
        private: written pages that it alone maps (Private_Dirty + SwapPss).
        shared: written pages that others map too (Shared_Dirty).
        shared_part: its part of `shared`, each page divided by the number of processes that map it.
    """

    rss: int
    pss: int
    private: int
    shared: int
    shared_part: int


class Process:
    """One process. Its most read file stays open, so that a pid that is given anew is never taken for it.

    Attributes:
        stack: where its stack begins: the same in a process and its forks, another after an exec.

    Raises:
        ProcessGone: by every method and the constructor.
    """

    def __init__(self, pid: int, proc: Path = Path("/proc")) -> None:
        self.pid = pid
        self._folder = proc / str(pid)
        self._status = -1
        try:
            self._status = os.open(self._folder / "status", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise ProcessGone(f"process {pid}: {error.strerror}") from error
        self.parent, self.stack = self.place()

    def resident(self) -> Resident:
        """What of it is in memory."""
        try:
            match = RESIDENT.search(os.pread(self._status, 8192, 0))
        except OSError as error:
            raise ProcessGone(f"process {self.pid}: {error.strerror}") from error
        if match is None:
            raise ProcessGone(f"process {self.pid} has no memory any more")
        hwm, rss, anonymous, _, shared = map(int, match.groups())
        return Resident(rss=rss * KIB, written=(anonymous + shared) * KIB, hwm=hwm * KIB)

    def rollup(self) -> Rollup:
        """How its memory is shared; needs SYS_PTRACE, since Airflow's processes are not dumpable."""
        found = {name: int(value) * KIB for name, value in ROLLUP_LINE.findall(self._read("smaps_rollup"))}
        if b"Pss" not in found:
            raise ProcessGone(f"process {self.pid} has no memory any more")
        private = found.get(b"Private_Dirty", 0)
        written_part = found.get(b"Pss_Anon", 0) + found.get(b"Pss_Shmem", 0)
        return Rollup(
            rss=found.get(b"Rss", 0),
            pss=found[b"Pss"],
            private=private + found.get(b"SwapPss", 0),
            shared=found.get(b"Shared_Dirty", 0),
            shared_part=max(0, written_part - private),
        )

    def title(self) -> str:
        """Its command line, which Airflow and Celery overwrite with what the process is at."""
        return self._read("cmdline").replace(b"\0", b" ").decode(errors="replace").strip()

    def place(self) -> tuple[int, int]:
        """Its parent's pid and where its stack begins (fields 4 and 28 of `stat`)."""
        fields = self._read("stat").rpartition(b") ")[2].split()
        if fields[0] == b"Z":
            raise ProcessGone(f"process {self.pid} is a zombie")
        return int(fields[1]), int(fields[25])

    def close(self) -> None:
        """Close the file."""
        if self._status >= 0:
            os.close(self._status)
            self._status = -1

    def __del__(self) -> None:
        self.close()

    def _read(self, name: str) -> bytes:
        try:
            return (self._folder / name).read_bytes()
        except OSError as error:
            raise ProcessGone(f"process {self.pid}: {error.strerror}") from error
