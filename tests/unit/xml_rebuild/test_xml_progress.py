"""How far a rebuild is, as its log and its callers are told."""

import logging
import threading

import pytest

from xml_rebuild.progress import Meter, Progress


def test_what_is_left_follows_from_the_speed_so_far() -> None:
    progress = Progress("load", bytes=30_000_000, total_bytes=90_000_000, records=600, rows=1, rejected=2, seconds=3)
    assert progress.bytes_per_second == 10e6
    assert progress.records_per_second == 200
    assert progress.seconds_left == 6
    assert str(progress) == ("load: 30 of 90 MB, 10.0 MB/s, 600 records, 200 records/s, 2 rejected, time left 6 s")


def test_before_the_first_byte_nobody_knows_what_is_left() -> None:
    progress = Progress("load", bytes=0, total_bytes=90_000_000, records=0, rows=0, rejected=0, seconds=0)
    assert progress.seconds_left is None
    assert str(progress).endswith("time left unknown")


def test_threads_count_together() -> None:
    meter = Meter("load", 1000, interval=3600)

    def count() -> None:
        for _ in range(1000):
            meter.add(bytes=1, records=2, rows=3, rejected=4)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = meter.progress()
    assert (done.bytes, done.records, done.rows, done.rejected) == (4000, 8000, 12000, 16000)
    assert done.total_bytes == 4000


def test_reports_come_at_intervals(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Progress] = []
    with caplog.at_level(logging.INFO, "xml_rebuild.progress"):
        for interval, expected in ((3600, 0), (0, 3)):
            told.clear()
            meter = Meter("load", 10, told.append, interval)
            for _ in range(3):
                meter.add(bytes=1)
            assert len(told) == expected
    assert [progress.bytes for progress in told] == [1, 2, 3]
    assert len(caplog.messages) == 3


@pytest.mark.parametrize("done", [0, 14], ids=["loaded before", "loaded"])
def test_at_the_end_nothing_is_left_whatever_was_expected(done: int) -> None:
    told: list[Progress] = []
    meter = Meter("load", 10, told.append, 3600)
    meter.expect(5)
    meter.add(bytes=done)
    meter.end()
    assert [(progress.phase, progress.bytes, progress.total_bytes) for progress in told] == [("load", done, done)]
    assert told[0].seconds_left == 0
