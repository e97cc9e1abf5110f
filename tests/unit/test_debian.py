"""The host's own mirror is found in what apt knows, and packages and the base image come from there."""

import platform
from pathlib import Path

import pytest
from fake_programs import FakePrograms

from windtunnel import debian
from windtunnel.debian import Source
from windtunnel.errors import DiskFull, EngineMissing, ImageFailed

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
MIRROR = Source("http://mirror.example/debian", "bookworm", KEYRING)

ONE_LINE = """\
# deb http://commented.example/debian bookworm main
deb [arch=amd64 signed-by=/etc/apt/keyrings/tool.gpg] https://tool.example bookworm main
deb http://mirror.example/debian/ bookworm main contrib # the mirror
deb-src http://source.example/debian bookworm main
deb http://mirror.example/debian bookworm-updates main
deb http://mirror.example/debian-security bookworm-security main
deb cdrom:[Debian 12]/ bookworm main
deb https://engine.example/linux/debian bookworm stable
"""

DEB822 = """\
# Written by the installer
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
Enabled: no

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBGPL0BUBEADmW5NdOOHwPIJlgPu6JDcKw
 -----END PGP PUBLIC KEY BLOCK-----
"""


@pytest.fixture
def apt(tmp_path: Path) -> Path:
    """An empty /etc/apt."""
    (tmp_path / "apt" / "sources.list.d").mkdir(parents=True)
    return tmp_path / "apt"


def test_one_line_sources_are_read(apt: Path) -> None:
    (apt / "sources.list").write_text(ONE_LINE)
    assert debian.sources(apt) == [
        Source("https://tool.example", "bookworm", Path("/etc/apt/keyrings/tool.gpg")),
        Source("http://mirror.example/debian", "bookworm"),
        Source("http://mirror.example/debian", "bookworm-updates"),
        Source("http://mirror.example/debian-security", "bookworm-security"),
    ]


def test_deb822_sources_are_read(apt: Path) -> None:
    (apt / "sources.list.d" / "debian.sources").write_text(DEB822)
    assert debian.sources(apt) == [
        MIRROR,
        Source("http://mirror.example/debian", "bookworm-updates", KEYRING),
        Source("http://mirror.example/debian-security", "bookworm-security"),
    ]


def test_the_mirror_is_the_source_with_updates_not_the_first_that_fits(apt: Path) -> None:
    (apt / "sources.list").write_text(ONE_LINE)
    assert debian.mirror("bookworm", apt) == Source("http://mirror.example/debian", "bookworm")


def test_the_mirror_is_the_source_that_debian_signs(apt: Path) -> None:
    (apt / "sources.list.d" / "a.list").write_text("deb https://tool.example bookworm main\n")
    (apt / "sources.list.d" / "debian.sources").write_text(DEB822.replace("bookworm-updates", ""))
    assert debian.mirror("bookworm", apt) == MIRROR


def test_security_updates_have_a_source_of_their_own(apt: Path) -> None:
    (apt / "sources.list.d" / "debian.sources").write_text(DEB822)
    source = debian.security("bookworm", apt)
    assert source is not None
    assert source.uri == "http://mirror.example/debian-security"


def test_a_host_without_sources_has_no_mirror(apt: Path) -> None:
    assert debian.mirror("bookworm", apt) is None
    assert debian.security("bookworm", apt) is None


def test_a_list_of_mirrors_on_the_host_stands_for_its_first(apt: Path) -> None:
    listed = apt / "mirrors.list"
    listed.write_text("# ours\nhttp://first.example/debian\nhttp://second.example/debian\n")
    (apt / "sources.list").write_text(f"deb mirror+file:{listed} bookworm main\n")
    assert debian.mirror("bookworm", apt) == Source("http://first.example/debian", "bookworm")


def test_a_source_is_written_as_apt_reads_it() -> None:
    assert MIRROR.of("trixie").line() == f"deb [signed-by={KEYRING}] http://mirror.example/debian trixie main"


DOCKER = """
case "$*" in
"image inspect"*) [ -e "$state/image" ] && echo '[{}]' || { echo "No such image: base" >&2; exit 1; } ;;
"image import"*) [ ! -e "$state/full" ] || { echo "write /layer.tar: no space left on device" >&2; exit 1; }
                 touch "$state/image"; echo sha256:base ;;
esac
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePrograms:
    """Debian 12 as root, with stubs for all that is called."""
    stubs = FakePrograms(tmp_path)
    stubs.real("mv", "touch")
    stubs.stub("docker", DOCKER)
    stubs.stub("dpkg", "echo arm64")
    stubs.stub("mmdebstrap", '[ ! -e "$state/broken" ] || { echo "E: unable to locate trixie" >&2; exit 100; }')
    monkeypatch.setenv("PATH", str(stubs.path))
    on_host(monkeypatch, "debian", "bookworm")
    monkeypatch.setattr(debian, "mirror", lambda codename: MIRROR)
    monkeypatch.setattr(debian, "security", lambda codename: Source("http://security.example", f"{codename}-security"))
    return stubs


def on_host(monkeypatch: pytest.MonkeyPatch, id: str, codename: str, user: int = 0) -> None:
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"ID": id, "VERSION_CODENAME": codename})
    monkeypatch.setattr("os.geteuid", lambda: user)


def silent(message: str) -> None:
    """A report that nobody reads."""


def test_the_base_image_is_made_from_the_hosts_mirrors(programs: FakePrograms) -> None:
    debian.base_image("base:trixie", silent)

    (made,) = programs.calls("mmdebstrap")
    assert "--variant=minbase --include=ca-certificates" in made
    assert f"deb [signed-by={KEYRING}] http://mirror.example/debian trixie main" in made
    assert "http://mirror.example/debian trixie-updates main" in made
    assert "deb http://security.example trixie-security main" in made
    (imported,) = programs.calls("image import")
    assert "--platform linux/arm64" in imported and imported.endswith("base:trixie")


def test_the_base_image_is_made_once(programs: FakePrograms) -> None:
    (programs.state / "image").touch()
    debian.base_image("base:trixie", silent)
    assert not programs.calls("mmdebstrap") and not programs.calls("import")


def test_half_a_system_is_not_imported(programs: FakePrograms) -> None:
    (programs.state / "broken").touch()
    with pytest.raises(ImageFailed, match="unable to locate trixie"):
        debian.base_image("base:trixie", silent)
    assert not programs.calls("import")


def test_an_import_on_a_full_disk_is_a_full_disk(programs: FakePrograms) -> None:
    (programs.state / "full").touch()
    with pytest.raises(DiskFull, match=r"base:trixie(?s:.*)no space left"):
        debian.base_image("base:trixie", silent)


def test_a_mirror_with_a_key_of_its_own_brings_it_along(
    programs: FakePrograms, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Source("http://own.example/debian", "bookworm", Path("/etc/apt/keyrings/own.gpg"))
    monkeypatch.setattr(debian, "mirror", lambda codename: own)
    debian.base_image("base:trixie", silent)
    assert programs.calls("mmdebstrap", "--customize-hook=upload /etc/apt/keyrings/own.gpg /etc/apt/keyrings/own.gpg")


def test_ubuntu_has_debians_keys_installed_and_takes_the_default_mirror(
    programs: FakePrograms, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_host(monkeypatch, "ubuntu", "noble")
    (programs.path / "mmdebstrap").rename(programs.state / "mmdebstrap")
    programs.stub("apt-get", f'case "$*" in *install*) mv "$state/mmdebstrap" {programs.path} ;; esac')
    said: list[str] = []

    debian.base_image("base:trixie", said.append)

    assert programs.calls("apt-get", "install", "mmdebstrap debian-archive-keyring")
    assert "mmdebstrap" in said[0]
    assert programs.calls("mmdebstrap --quiet")[0].endswith("base.tar")


def test_a_host_that_cannot_make_the_base_image_is_told_how(
    programs: FakePrograms, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_host(monkeypatch, "fedora", "")
    (programs.path / "mmdebstrap").unlink()
    with pytest.raises(ImageFailed) as failure:
        debian.base_image("base:trixie", silent)
    assert "sudo apt-get install mmdebstrap" in failure.value.help
    assert "docker build -t base:trixie" in failure.value.help


def test_packages_of_another_suite_are_downloaded_beside_the_hosts_apt(programs: FakePrograms, tmp_path: Path) -> None:
    programs.stub("apt-get", 'case "$*" in *" download "*) touch docker-compose_2_arm64.deb ;; esac')
    folder = tmp_path / "private"

    (package,) = debian.download(["docker-compose"], MIRROR.of("trixie"), folder, EngineMissing)

    assert package == folder / "docker-compose_2_arm64.deb"
    assert (folder / "sources.list").read_text() == MIRROR.of("trixie").line() + "\n"
    for call in programs.calls("apt-get"):
        assert f"Dir::Etc::SourceList={folder}/sources.list" in call
        assert "Dir::Etc::SourceParts=/dev/null" in call
        assert f"Dir::State::Lists={folder}/lists" in call


def test_apts_last_words_are_in_the_error(programs: FakePrograms) -> None:
    programs.stub("apt-get", 'echo "E: Could not get lock" >&2; exit 100')
    with pytest.raises(EngineMissing, match="Could not get lock"):
        debian.install(["docker.io"], silent, EngineMissing)
