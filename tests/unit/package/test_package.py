"""`package` brings what MWAA needs, whatever the host is, from an index of the test's own."""

import hashlib
import os
import zipfile
from pathlib import Path

import pytest
from wheelhouse import LINUX, Listener, Wheelhouse

from windtunnel.check.resolution import resolution
from windtunnel.errors import NotPackaged
from windtunnel.package import package, verify
from windtunnel.pip_for_mwaa import without_network


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheelhouse:
    house = Wheelhouse(tmp_path / "index")
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(house.folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return house


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "plugins/__pycache__").mkdir(parents=True)
    (folder / "plugins/greeting.py").write_text("HELLO = 1\n")
    (folder / "plugins/__pycache__/greeting.pyc").write_bytes(b"x")
    return folder


def require(project: Path, *lines: str) -> Path:
    (project / "requirements.txt").write_text("\n".join([*lines, ""]))
    return project


def members(path: Path) -> set[str]:
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def test_wheels_are_those_of_mwaas_platform(index: Wheelhouse, project: Path, tmp_path: Path) -> None:
    index.wheel("fast", "1.0", "cp312-cp312-macosx_11_0_arm64")
    index.wheel("fast", "1.0", "cp312-cp312-manylinux_2_17_aarch64")
    index.wheel("fast", "1.0", "cp311-cp311-manylinux_2_17_x86_64")
    index.wheel("fast", "1.0", LINUX)
    index.wheel("stable", "1.0", "cp39-abi3-manylinux_2_28_x86_64", python=">=3.12")
    done = package(require(project, "fast==1.0", "stable==1.0"), tmp_path / "out")
    assert done.wheels == (f"fast-1.0-{LINUX}.whl", "stable-1.0-cp39-abi3-manylinux_2_28_x86_64.whl")


def test_markers_are_asked_about_mwaa_and_not_about_this_machine(
    index: Wheelhouse, project: Path, tmp_path: Path
) -> None:
    index.wheel(
        "top",
        "1.0",
        requires=(
            'there; python_version == "3.12" and sys_platform == "linux" and platform_machine == "x86_64"',
            'elsewhere; sys_platform == "darwin"',
            'older; python_version < "3.12"',
            'newer; python_version > "3.12"',
        ),
    )
    for name in ("there", "elsewhere", "older", "newer"):
        index.wheel(name, "1.0")
    done = package(require(project, "top==1.0"), tmp_path / "out")
    assert [wheel.split("-")[0] for wheel in done.wheels] == ["there", "top"]


def test_the_zip_has_plugins_and_wheels_and_the_requirements_their_versions(
    index: Wheelhouse, project: Path, tmp_path: Path
) -> None:
    index.wheel("one", "1.0", requires=("two_parts>=2",))
    index.wheel("two_parts", "2.5")
    done = package(require(project, "one"), tmp_path / "out")
    assert members(done.plugins) == {"greeting.py", "one-1.0-py3-none-any.whl", "two_parts-2.5-py3-none-any.whl"}
    assert done.requirements.read_text().splitlines() == [
        "--find-links /usr/local/airflow/plugins",
        "--no-index",
        "one==1.0",
        "two-parts==2.5",
    ]


def test_the_zip_is_the_same_however_often_it_is_made(index: Wheelhouse, project: Path, tmp_path: Path) -> None:
    index.wheel("one", "1.0", requires=("two",))
    index.wheel("two", "1.0")
    digests = set()
    for attempt, age in enumerate((1_000_000_000, 1_700_000_000)):
        os.utime(project / "plugins/greeting.py", (age, age))
        done = package(require(project, "one"), tmp_path / f"out{attempt}")
        digests.add(hashlib.sha256(done.plugins.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_a_project_with_a_zip_keeps_what_is_in_it(index: Wheelhouse, project: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(project / "plugins.zip", "w") as archive:
        archive.writestr("views/page.py", "PAGE = 1\n")
    done = package(project, tmp_path / "out")
    assert members(done.plugins) == {"views/page.py"}
    assert done.wheels == ()


def test_what_has_its_source_only_is_named_and_not_built(index: Wheelhouse, project: Path, tmp_path: Path) -> None:
    index.source("sourceonly", "3.1")
    with pytest.raises(NotPackaged, match=r"sourceonly==3\.1: expected a wheel") as failure:
        package(require(project, "sourceonly==3.1"), tmp_path / "out")
    assert "pip wheel --no-deps sourceonly==3.1" in failure.value.help
    assert "built" not in failure.value.message


def test_a_wheel_of_the_users_own_in_plugins_is_taken(index: Wheelhouse, project: Path, tmp_path: Path) -> None:
    index.source("sourceonly", "3.1")
    index.wheel("sourceonly", "3.1", "cp312-cp312-linux_x86_64").rename(
        project / "plugins/sourceonly-3.1-cp312-cp312-linux_x86_64.whl"
    )
    done = package(require(project, "sourceonly==3.1"), tmp_path / "out")
    assert done.wheels == ("sourceonly-3.1-cp312-cp312-linux_x86_64.whl",)


@pytest.mark.parametrize(("glibc", "taken"), [(28, True), (34, True), (35, False)])
def test_wheels_for_a_newer_linux_than_mwaas_are_not_taken(
    glibc: int, taken: bool, index: Wheelhouse, project: Path, tmp_path: Path
) -> None:
    index.wheel("fast", "1.0", f"cp312-cp312-manylinux_2_{glibc}_x86_64")
    require(project, "fast==1.0")
    if taken:
        assert package(project, tmp_path / "out").wheels
    else:
        with pytest.raises(NotPackaged, match=r"fast==1\.0"):
            package(project, tmp_path / "out")


def test_the_constraints_hold_what_requirements_bring_along(index: Wheelhouse, project: Path, tmp_path: Path) -> None:
    index.wheel("SQLAlchemy", "2.0.51")
    index.wheel("SQLAlchemy", "2.1.0")
    index.wheel("boto3", "1.43.56")
    index.wheel("boto3", "9.0")
    index.wheel("app", "1.0", requires=("SQLAlchemy>=2", "boto3"))
    done = package(require(project, "app"), tmp_path / "out")
    assert {"sqlalchemy==2.0.51", "boto3==1.43.56"} <= set(done.requirements.read_text().splitlines())
    (project / "own.txt").write_text("app==1.0\n")
    done = package(require(project, "-c own.txt", "app"), tmp_path / "out")
    # Without a constraint of its own, MWAA would hold the packaged file to the bundled ones: boto3 would not install.
    assert {
        "sqlalchemy==2.0.51",
        "boto3==9.0",
        "--constraint /usr/local/airflow/plugins/packaged-constraints.txt",
    } <= set(done.requirements.read_text().splitlines())
    assert "packaged-constraints.txt" in members(done.plugins)


def test_requirements_that_exclude_one_another_are_named(index: Wheelhouse, project: Path, tmp_path: Path) -> None:
    for version in ("1.0", "2.0"):
        index.wheel("base", version)
    index.wheel("left", "1.0", requires=("base<2",))
    index.wheel("right", "1.0", requires=("base>=2",))
    require(project, "left==1.0", "right==1.0")
    with pytest.raises(NotPackaged, match="exclude one another") as failure:
        package(project, tmp_path / "out")
    assert "left 1.0 depends on base<2" in failure.value.message
    findings = resolution(project)
    assert [one.rule for one in findings] == ["requirement-unresolved"]
    assert "right 1.0 depends on base>=2" in findings[0].message
    assert resolution(require(project, "left==1.0")) == []


def test_a_path_of_mwaas_containers_is_found_in_the_project(index: Wheelhouse, project: Path, tmp_path: Path) -> None:
    for version in ("1.0", "2.0"):
        index.wheel("base", version)
    (project / "dags").mkdir()
    (project / "dags/held.txt").write_text("base==1.0\n")
    require(project, '--constraint "/usr/local/airflow/dags/held.txt"', "base")
    assert package(project, tmp_path / "out").wheels == ("base-1.0-py3-none-any.whl",)


def test_a_zip_that_lacks_a_wheel_does_not_pass(index: Wheelhouse, project: Path, tmp_path: Path) -> None:
    index.wheel("one", "1.0", requires=("two",))
    index.wheel("two", "1.0")
    done = package(require(project, "one"), tmp_path / "out")
    with zipfile.ZipFile(done.plugins) as whole, zipfile.ZipFile(tmp_path / "less.zip", "w") as less:
        for name in set(whole.namelist()) - {"two-1.0-py3-none-any.whl"}:
            less.writestr(name, whole.read(name))
    with pytest.raises(NotPackaged, match="does not install without an index"):
        verify(tmp_path / "less.zip", done.requirements)


def test_a_wheel_that_can_be_taken_and_not_installed_does_not_pass(
    index: Wheelhouse, project: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(index.wheel("one", "1.0"), "a") as wheel:
        wheel.writestr("../../out.py", "")
    with pytest.raises(NotPackaged, match="does not install without an index"):
        package(require(project, "one"), tmp_path / "out")


@pytest.mark.skipif(not without_network(), reason="this system lets no process be cut off from the network")
def test_an_index_of_this_very_machine_is_not_reached(index: Wheelhouse, project: Path, tmp_path: Path) -> None:
    index.wheel("one", "1.0")
    done = package(require(project, "one"), tmp_path / "out")
    assert done.network_cut
    with Listener() as listener:
        done.requirements.write_text(f"--find-links {listener.url}\ntwo\n")
        with pytest.raises(NotPackaged, match="does not install"):
            verify(done.plugins, done.requirements)
        assert not listener.was_asked
