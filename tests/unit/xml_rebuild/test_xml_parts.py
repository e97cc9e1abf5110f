"""Sources cut into parts: every record in exactly one of them, in load order."""

import gzip
import json
import os
import random
from pathlib import Path

import pytest
from small_mappings import mapping_of

from xml_rebuild.document import Document
from xml_rebuild.parts import Part, cut
from xml_rebuild.source import locate, read

SEED = int(os.environ.get("PARTS_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
MAPPING = mapping_of(
    """
name: small
root: x:set
namespaces: {x: "urn:x"}
records: {"x:r": {tables: [t]}}
tables: {t: {columns: {c: .}}}
"""
)


@pytest.fixture
def chance() -> random.Random:
    print(f"PARTS_TEST_SEED={SEED}")
    return random.Random(SEED)


def written(folder: Path, chance: random.Random, encoding: str = "UTF-8") -> list[bytes]:
    """Two documents in `folder`; their records in load order."""
    records = []
    for name in ("a.xml", "b.xml"):
        found = [f"<r>{name} {number} {'é' * chance.randrange(60)}</r>" for number in range(chance.randrange(50, 200))]
        content = "\n".join([f'<?xml version="1.0" encoding="{encoding}"?><set xmlns="urn:x">', *found, "</set>\n"])
        (folder / name).write_bytes(content.encode(encoding))
        records += [record.encode() for record in found]
    return records


def records_of(part: Part) -> list[bytes]:
    """The records that a part's loader sees."""
    blocks = read(part.source, None, part.start, part.stop)
    document = Document(blocks, MAPPING, part.source.url, prolog=part.prolog, start=part.start)
    return [line for chunk in document for line in chunk.data.split(b"\n") if line]


@pytest.mark.parametrize("encoding", ["UTF-8", "ISO-8859-1"])
def test_every_record_is_in_one_part(tmp_path: Path, chance: random.Random, encoding: str) -> None:
    records = written(tmp_path, chance, encoding)
    parts = list(cut(locate(str(tmp_path)), MAPPING, "id", chance.randrange(500, 5000)))
    assert [record for part in parts for record in records_of(part)] == records
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    assert {part.rebuild for part in parts} == {"id"}
    assert len(parts) > 2 or encoding != "UTF-8"


def test_a_part_comes_back_from_json(tmp_path: Path, chance: random.Random) -> None:
    written(tmp_path, chance)
    parts = list(cut(locate(str(tmp_path)), MAPPING, "id", 2000))
    assert [Part.from_dict(json.loads(json.dumps(part.as_dict()))) for part in parts] == parts


def test_small_and_packed_sources_are_parts_as_a_whole(tmp_path: Path, chance: random.Random) -> None:
    written(tmp_path, chance)
    (tmp_path / "b.xml").rename(tmp_path / "c.xml")
    (tmp_path / "b.xml.gz").write_bytes(gzip.compress((tmp_path / "c.xml").read_bytes()))
    sources = locate(str(tmp_path))
    sizes = {source.url: source.size for source in sources}
    whole = list(cut(sources, MAPPING, "id", max(sizes.values())))
    assert [(part.start, part.stop, part.prolog) for part in whole] == [(0, None, None)] * 3
    assert [part.bytes for part in whole] == list(sizes.values())
    packed = [part for part in cut(sources, MAPPING, "id", 50) if part.source.url.endswith(".gz")]
    assert [(part.start, part.stop, part.prolog) for part in packed] == [(0, None, None)]


def test_the_bytes_of_the_parts_are_those_of_the_records(tmp_path: Path, chance: random.Random) -> None:
    written(tmp_path, chance)
    sources = locate(str(tmp_path))
    parts = list(cut(sources, MAPPING, "id", 1000))
    for source in sources:
        ranges = [(part.start, part.stop) for part in parts if part.source == source]
        assert [stop for _, stop in ranges[:-1]] == [start for start, _ in ranges[1:]]
        assert ranges[-1][1] == source.size
        assert sum(part.bytes for part in parts if part.source == source) == source.size - ranges[0][0]
