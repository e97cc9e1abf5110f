"""Debian's and Ubuntu's own packages: where this host takes them from, and what is made of them."""

import os
import platform
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from email import message_from_string
from pathlib import Path

from python_on_whales import DockerClient, DockerException

from windtunnel.errors import ImageFailed, MachineUnfit
from windtunnel.machine import Failure, failed, run

TRIXIE = "trixie"
NONINTERACTIVE = {"DEBIAN_FRONTEND": "noninteractive"}
RETRIES = ("-o", "Acquire::Retries=5")
# A machine that has just started often upgrades itself at first.
PATIENCE = ("-o", "DPkg::Lock::Timeout=300")

Report = Callable[[str], None]


@dataclass(frozen=True)
class Source:
    """One place that apt takes packages from: `uri` and `suite`; `signed_by` names a keyring file, if one is set."""

    uri: str
    suite: str
    signed_by: Path | None = None

    def of(self, suite: str) -> "Source":
        """The same place with another suite."""
        return Source(self.uri, suite, self.signed_by)

    def line(self) -> str:
        """As a line of sources.list, component main."""
        signed = f"[signed-by={self.signed_by}] " if self.signed_by else ""
        return f"deb {signed}{self.uri} {self.suite} main"


@dataclass(frozen=True)
class Release:
    """A distribution: `id` ("debian", "ubuntu", "fedora", …; "" when unknown or not Linux) and `codename`."""

    id: str
    codename: str


def release() -> Release:
    """The distribution that runs here."""
    try:
        facts = platform.freedesktop_os_release()
    except OSError:
        return Release("", "")
    return Release(facts["ID"], facts.get("VERSION_CODENAME", ""))


def can_install() -> bool:
    """Whether packages can be installed without asking anyone: root on Debian or Ubuntu."""
    return release().id in ("debian", "ubuntu") and os.geteuid() == 0


def install(packages: Sequence[str], report: Report, failure: Failure = MachineUnfit) -> None:
    """Install the distribution's `packages`, without what they merely recommend.

    Raises:
        DiskFull: no space left.
        failure: apt could not; the message has its last lines.
    """
    report(f"installing the distribution's {', '.join(packages)}")
    run(["apt-get", "-q", *RETRIES, "update"], failure, env=NONINTERACTIVE)
    command = ["apt-get", "-q", *RETRIES, *PATIENCE, "install", "--yes", "--no-install-recommends", *packages]
    run(command, failure, env=NONINTERACTIVE)


def sources(folder: Path = Path("/etc/apt")) -> list[Source]:
    """All enabled sources with component main, in both of apt's formats: see sources.list(5)."""
    one_line = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*.list"))]
    found = [source for file in one_line if file.exists() for source in _one_line(file.read_text())]
    for file in sorted((folder / "sources.list.d").glob("*.sources")):
        found += _deb822(file.read_text())
    return found


def _one_line(text: str) -> Iterator[Source]:
    for line in text.splitlines():
        entry = re.match(r"deb\s+(?:\[(?P<options>[^]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<rest>[^#]+)", line)
        if entry and "main" in entry["rest"].split():
            signed = re.search(r"signed-by=(\S+)", entry["options"] or "")
            yield from _source(entry["uri"], entry["suite"], signed[1] if signed else "")


def _deb822(text: str) -> Iterator[Source]:
    uncommented = re.sub(r"(?m)^#.*\n?", "", text)
    for stanza in re.split(r"\n\s*\n", uncommented):
        fields = message_from_string(stanza.strip() + "\n\n")
        words = {name: fields.get(name, "").split() for name in ("Types", "URIs", "Suites", "Components")}
        if "deb" not in words["Types"] or "main" not in words["Components"]:
            continue
        if fields.get("Enabled", "yes").strip().lower() in ("no", "false", "0"):
            continue
        for uri in words["URIs"]:
            for suite in words["Suites"]:
                yield from _source(uri, suite, fields.get("Signed-By", ""))


def _source(uri: str, suite: str, signed_by: str) -> Iterator[Source]:
    """A source that another system can use too: no CD-ROM, and a list of mirrors on this host replaced by its first."""
    if uri.startswith("mirror+file:"):  # Debian's cloud images
        listed = Path(re.sub("^mirror.file:/*", "/", uri)).read_text().split()
        uri = next(word for word in listed if "://" in word)
    # Signed-By may also be a fingerprint or the key itself: then apt's default keyrings serve.
    keyring = signed_by.strip().split(",")[0]
    if not uri.startswith("cdrom:"):
        yield Source(uri.rstrip("/"), suite, Path(keyring) if keyring.startswith("/") else None)


def mirror(codename: str, folder: Path = Path("/etc/apt")) -> Source | None:
    """The host's source of Debian `codename` itself.

    Others also publish a suite of that name with a component main. Debian's is the one that is signed by Debian's
    keyring or that has updates as well.
    """
    known = sources(folder)
    updated = {source.uri for source in known if source.suite == f"{codename}-updates"}
    candidates = [source for source in known if source.suite == codename]
    return max(candidates, key=lambda source: (_is_debians(source), source.uri in updated), default=None)


def _is_debians(source: Source) -> bool:
    return source.signed_by is not None and source.signed_by.name.startswith("debian-archive-")


def security(codename: str, folder: Path = Path("/etc/apt")) -> Source | None:
    """The host's source of Debian's security updates."""
    return next((source for source in sources(folder) if source.suite == f"{codename}-security"), None)


def download(packages: Sequence[str], source: Source, folder: Path, failure: Failure = MachineUnfit) -> list[Path]:
    """Download `packages` from `source` into `folder`, by apt with a state of its own; the host's apt stays as it is.

    Raises:
        DiskFull: no space left.
        failure: apt could not; the message has its last lines.
    """
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)  # apt downloads as user _apt
    entry = folder / "sources.list"
    entry.write_text(source.line() + "\n")
    paths = {
        "Dir::Etc::SourceList": entry,
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::Etc::Preferences": "/dev/null",
        "Dir::Etc::PreferencesParts": "/dev/null",
        "Dir::State::Lists": folder / "lists",
        "Dir::Cache": folder / "cache",
    }
    private = [word for name, path in paths.items() for word in ("-o", f"{name}={path}")]
    run(["apt-get", "-q", *RETRIES, *private, "update"], failure)
    # `install --download-only` would want the dependencies too, from a suite that is not the host's.
    run(["apt-get", "-q", *RETRIES, *private, "download", *packages], failure, cwd=folder)
    return [next(folder.glob(f"{package}_*.deb")) for package in packages]


def base_image(name: str = "windtunnel-base:trixie", report: Report = print) -> None:
    """Make the image that all others are built on, from Debian's packages alone, unless it is there already.

    Raises:
        ImageFailed: mmdebstrap is missing and can't be installed, or it or `docker import` failed.
        DiskFull: no space left.
    """
    docker = DockerClient()
    if docker.image.exists(name):
        return
    _need_mmdebstrap(name, report)
    report(f"making the image {name} from Debian's packages")
    with tempfile.TemporaryDirectory(prefix="windtunnel-") as folder:
        tarball = Path(folder) / "base.tar"  # whole before it is imported: half of one would make an image too
        run(["mmdebstrap", *_mmdebstrap_arguments(tarball)], ImageFailed)
        architecture = run(["dpkg", "--print-architecture"], ImageFailed).strip()
        try:
            docker.image.import_(tarball, tag=name, platform=f"linux/{architecture}")
        except DockerException as error:
            raise failed(f"docker import of {name}", error.stderr or "", ImageFailed) from error


def _need_mmdebstrap(image: str, report: Report) -> None:
    if shutil.which("mmdebstrap"):
        return
    if not can_install():
        base = "FROM debian:trixie-slim\\nRUN apt-get update && apt-get install -y ca-certificates\\n"
        raise ImageFailed(
            f"{image}: expected mmdebstrap to make it with, found none",
            "on Debian or Ubuntu: sudo apt-get install mmdebstrap; elsewhere, from the official image: "
            f"printf '{base}' | docker build -t {image} -",
        )
    keyring = ["debian-archive-keyring"] if release().id == "ubuntu" else []
    install(["mmdebstrap", *keyring], report, ImageFailed)


def _mmdebstrap_arguments(tarball: Path) -> list[str]:
    """The host's own mirrors with trixie for its codename; none on other hosts, where mmdebstrap has its defaults."""
    options = ["--quiet", "--variant=minbase", "--include=ca-certificates", '--aptopt=Acquire::Retries "5"']
    here = release()
    main = mirror(here.codename) if here.id == "debian" else None
    if main is None:
        return [*options, TRIXIE, str(tarball)]
    chosen = [main.of(TRIXIE), main.of(f"{TRIXIE}-updates")]
    if fixes := security(here.codename):
        chosen.append(fixes.of(f"{TRIXIE}-security"))
    # A mirror's own key must go along, or apt would refuse the mirror in the image.
    keys = {source.signed_by for source in chosen if source.signed_by and not _is_debians(source)}
    uploads = [f"--customize-hook=upload {key} {key}" for key in sorted(keys)]
    return [*options, *uploads, TRIXIE, str(tarball), *(source.line() for source in chosen)]
