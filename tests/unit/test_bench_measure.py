"""What a contender's processes took is measured as theirs, and a failure says why."""

import sys
from pathlib import Path

import pytest

from windtunnel.bench.measure import measure
from windtunnel.errors import RunFailed

MB = 10**6


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", code]


def test_the_peak_is_the_processes_own() -> None:
    held = b"x" * (200 * MB)  # this process's, which its children begin with
    small = measure([[python("pass")]], {})
    large = measure([[python(f"x = b'x' * {100 * MB}")]], {})
    assert small.peak < 50 * MB < len(held)
    assert 100 * MB <= large.peak < 130 * MB


def test_processes_side_by_side_add_up_and_phases_do_not() -> None:
    one = python(f"x = b'x' * {100 * MB}")
    side_by_side, after_another = measure([[one, one]], {}).peak, measure([[one], [one]], {}).peak
    assert side_by_side == pytest.approx(2 * after_another, rel=0.1)


def test_time_and_processor_time_are_taken() -> None:
    busy = "import time\nwhile time.process_time() < 0.5: pass"
    measured = measure([[python(busy)]], {})
    assert measured.seconds >= 0.5
    assert measured.cpu_seconds == pytest.approx(0.5, abs=0.3)


def test_the_environment_is_handed_over() -> None:
    measure([[python("import os; assert os.environ['GIVEN'] == 'this'; assert os.environ['PATH']")]], {"GIVEN": "this"})


def test_a_failure_says_what_the_program_said() -> None:
    with pytest.raises(RunFailed, match=r"(?s)-c .* failed\n.*ZeroDivisionError"):
        measure([[python("1 / 0")]], {})


def test_nothing_follows_a_failed_phase(tmp_path: Path) -> None:
    reached = f"open({str(tmp_path)!r} + '/reached', 'w')"
    with pytest.raises(RunFailed):
        measure([[python("raise SystemExit(3)")], [python(reached)]], {})
    assert list(tmp_path.iterdir()) == []
