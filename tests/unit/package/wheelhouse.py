"""A package index of the test's own: a folder of wheels and of sources, as pip's --find-links takes it."""

import io
import socket
import tarfile
from pathlib import Path
from typing import Self
from zipfile import ZipFile

LINUX = "cp312-cp312-manylinux_2_17_x86_64"
PURE = "py3-none-any"


class Wheelhouse:
    """The folder, and what is put into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def wheel(self, name: str, version: str, tag: str = PURE, requires: tuple[str, ...] = (), python: str = "") -> Path:
        """A wheel with one module."""
        info = f"{name}-{version}.dist-info"
        metadata = [
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}",
            *map("Requires-Dist: {}".format, requires),
        ]
        metadata += [f"Requires-Python: {python}"] if python else []
        path = self.folder / f"{name}-{version}-{tag}.whl"
        with ZipFile(path, "w") as wheel:
            wheel.writestr(f"{name}/__init__.py", f"VERSION = {version!r}\n")
            wheel.writestr(f"{info}/METADATA", "\n".join([*metadata, ""]))
            wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n")
            wheel.writestr(f"{info}/RECORD", "")
        return path

    def source(self, name: str, version: str) -> None:
        """A source distribution, whose build would fail loudly."""
        with tarfile.open(self.folder / f"{name}-{version}.tar.gz", "w:gz") as archive:
            for file, text in (("setup.py", "raise SystemExit('built')\n"), ("PKG-INFO", f"Name: {name}\n")):
                member = tarfile.TarInfo(f"{name}-{version}/{file}")
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))


class Listener:
    """A port of this machine that takes connections and never answers."""

    def __enter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/"
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    @property
    def was_asked(self) -> bool:
        """Whether somebody has connected."""
        try:
            self._socket.accept()[0].close()
        except BlockingIOError:
            return False
        return True
