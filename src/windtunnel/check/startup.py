"""startup.sh, read but not run: what its shell, MWAA's Amazon Linux and MWAA's variables make of it."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from windtunnel.check.finding import Finding
from windtunnel.check.project import Project
from windtunnel.check.tables import reserved

BEGIN = r"(?:^|[;&|(`]|\b(?:then|do|else|sudo(?:\s+-\S+)*|exec|time|if|!)\s)\s*"
COMMANDS = {"startup-yum": ("yum", "dnf"), "startup-apt": ("apt", "apt-get", "dpkg")}
SETS = re.compile(BEGIN + r"(?:(?:export|declare\s+-x|readonly)\s+)?([A-Z][A-Z0-9_]*)=")
HEREDOC = re.compile(r"<<-?\s*(['\"]?)(\w+)\1")


@dataclass(frozen=True)
class Trial:
    """How a run of the script ended: exit code, and all that it printed."""

    exit_code: int
    output: str


#: Runs the script at this path in a throw-away container; with none, it is only read.
Runner = Callable[[Path], Trial]


def findings(project: Project, run: Runner | None = None) -> Iterator[Finding]:
    """All that is wrong with startup.sh, if there is one."""
    if not project.startup.is_file():
        return
    name = project.relative(project.startup)
    content = project.startup.read_bytes()
    lines = content.decode(errors="replace").splitlines()
    if not content.startswith(b"#!"):
        yield Finding(name, 1, "startup-shebang", f"expected #!/bin/bash, found {(lines or [''])[0][:40]!r}")
    ends = content.count(b"\r\n")
    if ends:
        line = content[: content.index(b"\r\n")].count(b"\n") + 1
        yield Finding(name, line, "startup-crlf", f"{ends} lines end with CR LF: expected LF")
    yield from _syntax(name, content.replace(b"\r\n", b"\n"))
    yield from _commands(name, lines)
    yield from _reserved(name, lines)
    if run:
        yield from _tried(name, run(project.startup))


def _tried(name: str, trial: Trial) -> Iterator[Finding]:
    if trial.exit_code:
        tail = "\n".join(trial.output.strip().splitlines()[-5:])
        yield Finding(name, 0, "startup-fails", f"expected exit code 0, found {trial.exit_code}: {tail or 'no output'}")


def _syntax(name: str, content: bytes) -> Iterator[Finding]:
    """What the shell says that would run it; nothing where there is no shell."""
    shell = shutil.which("bash") or shutil.which("sh")
    if not shell:
        return
    # LC_ALL: the message's words are matched below.
    done = subprocess.run([shell, "-n"], input=content, capture_output=True, env={"LC_ALL": "C"}, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        place = re.search(r"line (\d+): (.*)", said)
        line, what = (int(place[1]), place[2]) if place else (1, said)
        yield Finding(name, line, "startup-syntax", what)


def _code(lines: list[str]) -> Iterator[tuple[int, str]]:
    """The lines, numbered from 1, without comments and here-documents."""
    end = ""
    for number, line in enumerate(lines, 1):
        if end:
            end = "" if line.strip() == end else end
            continue
        code = re.sub(r"(^|\s)#.*", "", line)
        here = HEREDOC.search(code)
        end = here[2] if here else ""
        yield number, code


def _commands(name: str, lines: list[str]) -> Iterator[Finding]:
    # A script that asks which system it is on knows of both.
    if re.search(r"((command -v|which|type|hash|-x)\s.*\b(yum|dnf|apt|apt-get|dpkg)\b)|os-release", "\n".join(lines)):
        return
    for rule, words in COMMANDS.items():
        call = re.compile(rf"{BEGIN}({'|'.join(words)})(?=\s|$)")
        for number, code in _code(lines):
            if found := call.search(code):
                yield Finding(name, number, rule, f"found the command {found[1]}")


def _reserved(name: str, lines: list[str]) -> Iterator[Finding]:
    for number, code in _code(lines):
        for found in SETS.finditer(code):
            # NAME=value command: for that command alone.
            alone = re.match(r"(\"[^\"]*\"|'[^']*'|[^\s;&|])*\s+[^\s;&|#]", code[found.end() :])
            if is_reserved(found[1]) and (not alone or "export" in found[0] or "declare" in found[0]):
                yield Finding(name, number, "startup-reserved", f"{found[1]} is set here, and MWAA sets it back")


def is_reserved(variable: str) -> bool:
    """Whether MWAA sets this environment variable itself, whatever startup.sh does."""
    return any(re.fullmatch(pattern, variable) for pattern in reserved())
