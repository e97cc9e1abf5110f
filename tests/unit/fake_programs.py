"""A PATH of stub programs that write down how they were called, so that tests need neither Docker nor a network."""

import shutil
from pathlib import Path


class FakePrograms:
    """A folder to be the whole PATH. Each stub is a shell script; `$state` in it is a folder that all stubs share."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "bin"
        self.state = folder / "state"
        self.path.mkdir(parents=True)
        self.state.mkdir()
        self.log = folder / "calls"
        self.log.touch()

    def stub(self, name: str, script: str = "", folder: Path | None = None) -> Path:
        """Put a stub called `name` on PATH, or into another `folder`."""
        program = (folder or self.path) / name
        program.write_text(f"#!/bin/sh\nstate='{self.state}'\necho \"{name} $*\" >>'{self.log}'\n{script}\n")
        program.chmod(0o755)
        return program

    def real(self, *names: str) -> None:
        """Put the host's own programs on PATH."""
        for name in names:
            found = shutil.which(name)
            assert found, f"{name} is not on this machine"
            (self.path / name).symlink_to(found)

    def calls(self, *words: str) -> list[str]:
        """The calls so far, in order, that have all of `words` in them."""
        return [call for call in self.log.read_text().splitlines() if all(word in call for word in words)]

    def forget(self) -> None:
        """Start a new list of calls."""
        self.log.write_text("")
