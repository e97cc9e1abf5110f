"""Datagrams, good and bad."""

import json
import random
import socket

import pytest

from task_memory.datagrams import BadDatagram, Identity, Receiver, parse

GOOD = {
    "ti": "01a1fd40-776c-769b-9648-7aebe1357963",
    "dag_id": "made.up",
    "task_id": "group.task",
    "map_index": 3,
    "run_id": "manual__1",
    "try_number": 2,
    "host": "82ee14f1cb83",
    "pid": 4505,
    "at": 1.5,
    "phase": "finished",
    "outcome": "failed",
    "rss": 1,
    "pss": 2,
    "private": 3,
    "hwm": 4,
}


def test_a_datagram_is_read() -> None:
    said = parse(json.dumps(GOOD).encode())
    assert said.identity == Identity("made.up", "group.task", 3, "manual__1", 2)
    assert (said.ti, said.phase, said.outcome, said.private) == (GOOD["ti"], "finished", "failed", 3)


@pytest.mark.parametrize("bad", [b"", b"[1]", b"\xff", json.dumps(GOOD | {"phase": "asleep"}).encode(), b"null"])
def test_what_is_none_is_refused(bad: bytes) -> None:
    with pytest.raises(BadDatagram):
        parse(bad)


def test_a_missing_field_is_refused(dice: random.Random) -> None:
    without = dice.choice([name for name in GOOD if name != "pid"])
    with pytest.raises(BadDatagram):
        parse(json.dumps({name: value for name, value in GOOD.items() if name != without}).encode())


def test_the_receiver_drops_the_bad_and_keeps_the_good() -> None:
    receiver = Receiver(port=0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender, receiver.socket:
        for data in (b"nonsense", json.dumps(GOOD).encode()):
            sender.sendto(data, ("127.0.0.1", receiver.socket.getsockname()[1]))
        assert [said.ti for said in receiver.waiting()] == [GOOD["ti"]]
