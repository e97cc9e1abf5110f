"""A project's files reach each container's folder, follow it, and leave alone what a container made itself."""

from pathlib import Path

import pytest

from windtunnel_runtime.delivery import Folder, Place, Prefix


class Project:
    """A source, and a volume that it is delivered to."""

    def __init__(self, folder: Path) -> None:
        self.source, self.volume = folder / "project/dags", folder / "volume"
        self.source.mkdir(parents=True)
        self.volume.mkdir()

        self.start()

    def start(self) -> None:
        """As a container that delivers anew."""
        folder = Folder(self.source)
        place = Place(folder, self.volume, self.volume)
        self.deliver = lambda: place.follow(folder.versions())

    def write(self, name: str, text: str) -> None:
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def there(self) -> dict[str, str]:
        files = [path for path in self.volume.rglob("*") if path.is_file() and not path.name.endswith(".delivered")]
        return {str(path.relative_to(self.volume)): path.read_text() for path in files}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_files_come_and_follow_and_go(project: Project) -> None:
    project.write("one.py", "1")
    project.write("package/two.py", "2")
    project.deliver()
    assert project.there() == {"one.py": "1", "package/two.py": "2"}
    project.write("one.py", "one")
    (project.source / "package/two.py").unlink()
    project.deliver()
    assert project.there() == {"one.py": "one"}
    assert not (project.volume / "package").exists()


def test_what_a_container_made_survives(project: Project) -> None:
    project.write("package/dag.py", "1")
    project.deliver()
    (project.volume / "package/settings.py").write_text("downloaded")
    (project.source / "package/dag.py").unlink()
    project.deliver()
    assert project.there() == {"package/settings.py": "downloaded"}


def test_what_went_while_nobody_delivered_goes_with_the_next_start(project: Project) -> None:
    project.write("one.py", "1")
    project.write("two.py", "2")
    project.deliver()
    (project.source / "one.py").unlink()
    project.start()
    project.deliver()
    assert project.there() == {"two.py": "2"}


def test_links_are_followed_once(project: Project) -> None:
    project.write("package/one.py", "1")
    (project.source / "package/loop").symlink_to(project.source)
    (project.source / "dangling.py").symlink_to("nowhere.py")
    project.deliver()
    assert project.there()["package/one.py"] == "1"
    assert "dangling.py" not in project.there()


def test_a_single_file_comes_and_goes(tmp_path: Path) -> None:
    source, code = tmp_path / "requirements.txt", tmp_path / "code"
    code.mkdir()
    folder = Folder(source)
    place = Place(folder, code, code / source.name)
    place.follow(folder.versions())
    source.write_text("requests")
    place.follow(folder.versions())
    assert (code / "requirements.txt").read_text() == "requests"
    source.unlink()
    place.follow(folder.versions())
    assert not (code / "requirements.txt").exists()


class Bucket:
    """As much of boto3's S3 client as a delivery asks."""

    def __init__(self, **objects: bytes) -> None:
        self.objects = objects

    def get_paginator(self, _: str) -> "Bucket":
        return self

    def paginate(self, Bucket: str, Prefix: str) -> list[dict[str, list[dict[str, str]]]]:  # noqa: N803
        found = [{"Key": key, "ETag": str(hash(body))} for key, body in self.objects.items() if key.startswith(Prefix)]
        return [{"Contents": found}, {}]

    def download_file(self, bucket: str, key: str, target: str) -> None:
        Path(target).write_bytes(self.objects[key])


def test_a_bucket_is_a_source_too(tmp_path: Path) -> None:
    bucket = Bucket(**{"dags/": b"", "dags/one.py": b"1", "dags/package/two.py": b"2", "dags-other/x.py": b"3"})
    source = Prefix(bucket, "pipelines", lambda: "dags")
    place = Place(source, tmp_path, tmp_path)
    place.follow(source.versions())
    del bucket.objects["dags/package/two.py"]
    bucket.objects["dags/one.py"] = b"one"
    place.follow(source.versions())
    assert [path.name for path in tmp_path.rglob("*.py")] == ["one.py"]
    assert (tmp_path / "one.py").read_bytes() == b"one"


def test_the_dags_follow_when_the_environment_names_another_folder(tmp_path: Path) -> None:
    bucket = Bucket(**{"dags/one.py": b"1", "dags/both.py": b"old", "team/a/both.py": b"new", "team/a/two.py": b"2"})
    paths = iter(("dags", "/team/a/"))
    source = Prefix(bucket, "pipelines", lambda: next(paths))
    place = Place(source, tmp_path, tmp_path)
    for _ in range(2):
        place.follow(source.versions())
    assert {path.name: path.read_bytes() for path in tmp_path.rglob("*.py")} == {"both.py": b"new", "two.py": b"2"}
