"""What a process and its descendants use of memory, as the kernel counts it.

From inside a task, because Airflow makes its processes non-dumpable: others of the same user cannot read their
`smaps_rollup` (https://man7.org/linux/man-pages/man2/PR_SET_DUMPABLE.2const.html), only the process itself can.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

KIB = 1024


@dataclass(frozen=True)
class Footprint:
    """Bytes, by the kernel's names (https://docs.kernel.org/filesystems/proc.html).

    rss      resident pages of the process and its readable descendants
    pss      the same, each shared page divided by how many processes share it
    private  written pages that no other process shares, swapped ones included: Private_Dirty + SwapPss
    hwm      the process' own greatest resident size so far (VmHWM), which no sampling misses
    """

    rss: int
    pss: int
    private: int
    hwm: int

    def figures(self) -> dict[str, int]:
        """The figures by name."""
        return asdict(self)


def footprint(pid: int | str = "self", proc: Path = Path("/proc")) -> Footprint:
    """The footprint of process `pid` now.

    A descendant that has ended meanwhile, or that may not be read (a fork of a non-dumpable process), is left out.

    Raises:
        OSError: the process itself cannot be read.
    """
    all_of_them = [_kibibytes(proc / str(pid) / "smaps_rollup")]
    for child in _descendants(proc, str(pid)):
        try:
            all_of_them.append(_kibibytes(proc / child / "smaps_rollup"))
        except OSError:
            continue
    rss, pss, dirty, swapped = (
        sum(one.get(name, 0) for one in all_of_them) for name in ("Rss", "Pss", "Private_Dirty", "SwapPss")
    )
    hwm = _kibibytes(proc / str(pid) / "status").get("VmHWM", 0)
    return Footprint(rss=rss * KIB, pss=pss * KIB, private=(dirty + swapped) * KIB, hwm=hwm * KIB)


def _descendants(proc: Path, pid: str) -> Iterator[str]:
    """A child is listed by the thread that started it; kernels without CONFIG_PROC_CHILDREN list none."""
    for children in (proc / pid / "task").glob("*/children"):
        try:
            listed = children.read_text().split()
        except OSError:
            continue
        for child in listed:
            yield child
            yield from _descendants(proc, child)


def _kibibytes(path: Path) -> dict[str, int]:
    """The lines `Name:  1234 kB` of a file in /proc."""
    fields = (line.split() for line in path.read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) for words in fields if len(words) == 3 and words[2] == "kB"}
