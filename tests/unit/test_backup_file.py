"""An archive that is none, or is damaged, is refused before anything is made."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from windtunnel.backup import MANIFEST, Manifest, read
from windtunnel.errors import BadInput

WRITTEN = Manifest("windtunnel", "source", "2026-11-21T20:00:00+00:00", ["postgres-data"])


def archive(folder: Path, manifest: str) -> Path:
    path = folder / "backup.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        for name, text in {f"./{MANIFEST}": manifest, "./postgres-data/PG_VERSION": "17" * 100_000}.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            file.addfile(member, io.BytesIO(text.encode()))
    return path


def test_a_whole_one_says_what_it_is_of(tmp_path: Path) -> None:
    assert read(archive(tmp_path, json.dumps(vars(WRITTEN)))) == WRITTEN


@pytest.mark.parametrize("manifest", ["", "[]", "{}", '{"name": "x"}'])
def test_one_of_another_program_is_refused(tmp_path: Path, manifest: str) -> None:
    with pytest.raises(BadInput, match="expected an archive of"):
        read(archive(tmp_path, manifest))


def test_one_that_ends_too_early_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path, json.dumps(vars(WRITTEN)))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BadInput, match="expected an archive of"):
        read(path)


def test_a_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(BadInput, match=r"notes\.txt"):
        read(tmp_path / "notes.txt")
