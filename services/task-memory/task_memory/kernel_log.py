"""OOM kills in the kernel's log, which alone tells the victim's last size. Format of the records:
https://www.kernel.org/doc/Documentation/ABI/testing/dev-kmsg"""

import errno
import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# mm/oom_kill.c: dump_oom_victim and __oom_kill_process.
CONSTRAINT = re.compile(r"oom-kill:constraint=.*?,task_memcg=(?P<group>[^,]*),task=.*,pid=(?P<pid>\d+),uid=")
KILLED = re.compile(
    r"(?:Killed|killed) process (?P<pid>\d+) \((?P<name>.*)\) total-vm:\d+kB, "
    r"anon-rss:(?P<anon>\d+)kB, file-rss:(?P<file>\d+)kB, shmem-rss:(?P<shmem>\d+)kB"
)
CONTAINER = re.compile(r"[0-9a-f]{64}")
# The kernel numbers processes as its first pid namespace does, whose own number is PROC_PID_INIT_INO of
# include/linux/proc_ns.h. An engine in a WSL distribution or in a container is in another, and sees other numbers.
FIRST_NAMESPACE = "pid:[4026531836]"
KIB = 1024

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KernelKill:
    """The kernel has killed a process for memory.

    Attributes:
        pid: in the host's pid namespace.
        name: the first 15 bytes of the program's name.
        container_id: None if the process was in no container, or the kernel does not say.
        written: its anonymous and shared bytes when it was killed.
        rss: all its bytes that were in memory.
    """

    pid: int
    name: str
    container_id: str | None
    written: int
    rss: int


class KernelLog:
    """The kernel's log from now on.

    Attributes:
        descriptor: readable when there is something new; None where the log may not be read (Docker Desktop), or names
            processes by numbers that are not ours.
    """

    def __init__(self, device: Path = Path("/dev/kmsg"), namespace: Path = Path("/proc/self/ns/pid")) -> None:
        self.descriptor: int | None = None
        self._groups: dict[int, str] = {}
        if (found := str(namespace.readlink())) != FIRST_NAMESPACE:
            log.warning("the engine is in %s, no part of the kernel's own: OOM kills are told by counters alone", found)
            return
        try:
            self.descriptor = os.open(device, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            os.lseek(self.descriptor, 0, os.SEEK_END)
        except OSError as error:
            log.warning("the kernel's log can't be read, OOM kills are told by counters alone: %s", error)

    def kills(self) -> Iterator[KernelKill]:
        """The kills since the last call."""
        for record in self._records():
            kill = self.parse(record)
            if kill:
                yield kill

    def parse(self, record: str) -> KernelKill | None:
        """The kill that a record tells of. The victim's container is in a record before that."""
        if found := CONSTRAINT.search(record):
            container = CONTAINER.search(found["group"])
            self._groups = {int(found["pid"]): container[0]} if container else {}
        if not (found := KILLED.search(record)):
            return None
        pid = int(found["pid"])
        anonymous, file, shared = (int(found[name]) * KIB for name in ("anon", "file", "shmem"))
        return KernelKill(
            pid=pid,
            name=found["name"],
            container_id=self._groups.pop(pid, None),
            written=anonymous + shared,
            rss=anonymous + file + shared,
        )

    def _records(self) -> Iterator[str]:
        while self.descriptor is not None:
            try:
                yield os.read(self.descriptor, 8192).decode(errors="replace")
            except BlockingIOError:
                return
            except OSError as error:
                # The log has overwritten records that were not read: it goes on with the oldest it has.
                if error.errno != errno.EPIPE:
                    raise
