"""The figures of a process and its descendants, from made files as in /proc."""

from pathlib import Path

import pytest

from windtunnel_runtime.footprint import Footprint, footprint

ROLLUP = """\
559e8a5ca000-7ffd6d3f6000 ---p 00000000 00:00 0                          [rollup]
Rss:            {rss} kB
Pss:            {pss} kB
Pss_Dirty:        999 kB
Shared_Dirty:     999 kB
Private_Clean:    999 kB
Private_Dirty:  {dirty} kB
Swap:             999 kB
SwapPss:        {swapped} kB
"""


def make_process(
    proc: Path, pid: str, figures: dict[str, int] | None, children: dict[str, str] | None = None, hwm: int = 0
) -> None:
    """A process in `proc`: its figures in KiB, None where they may not be read, and each thread's children."""
    for thread, listed in (children or {}).items():
        (proc / pid / "task" / thread).mkdir(parents=True)
        (proc / pid / "task" / thread / "children").write_text(listed)
    (proc / pid).mkdir(exist_ok=True)
    (proc / pid / "status").write_text(f"Name:\tairflow\nVmHWM:\t  {hwm} kB\nThreads:\t2\n")
    if figures:
        (proc / pid / "smaps_rollup").write_text(ROLLUP.format(**figures))


def test_a_process_alone(tmp_path: Path) -> None:
    make_process(tmp_path, "7", {"rss": 100, "pss": 60, "dirty": 40, "swapped": 2}, hwm=130)
    assert footprint(7, tmp_path) == Footprint(rss=102400, pss=61440, private=43008, hwm=133120)


def test_descendants_of_every_thread_count_and_the_high_water_mark_is_the_process_own(tmp_path: Path) -> None:
    each = {"rss": 10, "pss": 5, "dirty": 3, "swapped": 1}
    make_process(tmp_path, "7", each, {"7": "8 ", "9": "11 "}, hwm=50)
    make_process(tmp_path, "8", each, {"8": "10 "}, hwm=9000)
    make_process(tmp_path, "10", each)
    make_process(tmp_path, "11", each)
    assert footprint(7, tmp_path).figures() == {"rss": 40960, "pss": 20480, "private": 16384, "hwm": 51200}


def test_what_has_ended_or_may_not_be_read_is_left_out_but_not_its_children(tmp_path: Path) -> None:
    each = {"rss": 10, "pss": 5, "dirty": 3, "swapped": 0}
    make_process(tmp_path, "7", each, {"7": "8 99 "})
    make_process(tmp_path, "8", None, {"8": "10 "})
    make_process(tmp_path, "10", each)
    assert footprint(7, tmp_path).rss == 20480


def test_a_process_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="smaps_rollup"):
        footprint(7, tmp_path)
