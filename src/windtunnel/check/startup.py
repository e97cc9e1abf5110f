"""startup.sh: what its shell, MWAA's Amazon Linux and MWAA's variables make of it, and how a run of it went."""

import re
import shutil
import subprocess
from collections.abc import Iterator

from windtunnel.check.finding import Finding
from windtunnel.check.project import Project
from windtunnel.check.tables import is_reserved
from windtunnel.check.trial import Trial

BEGIN = r"(?:^|[;&|(`]|\b(?:then|do|else|sudo(?:\s+-\S+)*|exec|time|if|!)\s)\s*"
COMMANDS = {"startup-yum": ("yum", "dnf"), "startup-apt": ("apt", "apt-get", "dpkg")}
SETS = re.compile(BEGIN + r"(?:(?:export|declare\s+-x|readonly)\s+)?([A-Z][A-Z0-9_]*)=")
HEREDOC = re.compile(r"<<-?\s*(['\"]?)(\w+)\1")
# What bash and sudo say of Amazon Linux's package manager, which Debian does not have.
NO_YUM = re.compile(r"\b(yum|dnf): (?:command )?not found")


def findings(project: Project, trial: Trial | None = None) -> Iterator[Finding]:
    """All that is wrong with startup.sh, if there is one; what its run tells, but not what reading it told already."""
    if not project.startup.is_file():
        return
    name = project.relative(project.startup)
    content = project.startup.read_bytes()
    lines = content.decode(errors="replace").splitlines()
    read = [*_read(name, content, lines)]
    yield from read
    if trial:
        yield from _tried(name, lines, trial, read)


def _read(name: str, content: bytes, lines: list[str]) -> Iterator[Finding]:
    if not content.startswith(b"#!"):
        yield Finding(name, 1, "startup-shebang", f"expected #!/bin/bash, found {(lines or [''])[0][:40]!r}")
    ends = content.count(b"\r\n")
    if ends:
        line = content[: content.index(b"\r\n")].count(b"\n") + 1
        yield Finding(name, line, "startup-crlf", f"{ends} lines end with CR LF: expected LF")
    yield from _syntax(name, content.replace(b"\r\n", b"\n"))
    yield from _commands(name, lines)
    yield from _reserved(name, lines)


def _tried(name: str, lines: list[str], trial: Trial, read: list[Finding]) -> Iterator[Finding]:
    told = {one.rule for one in read}
    if trial.problem and not told & {"startup-syntax", "startup-crlf"}:
        yield from _failed(name, trial, "startup-yum" in told)
    named = {one.message.split()[0] for one in read if one.rule == "startup-reserved"}
    for variable in trial.exported:
        if is_reserved(variable) and variable not in named:
            line = next((number for number, code in _code(lines) if variable in code), 0)
            yield Finding(name, line, "startup-reserved", f"{variable} is exported, and MWAA sets it back")


def _failed(name: str, trial: Trial, yum_is_told: bool) -> Iterator[Finding]:
    if found := NO_YUM.search(trial.output):
        if not yum_is_told:
            yield Finding(name, 0, "startup-yum", f"run here, it {trial.problem}: {found[0]}")
        return
    tail = "\n".join(trial.output.strip().splitlines()[-5:])
    yield Finding(
        name, 0, "startup-fails", f"expected exit code 0; it {trial.problem}; its last lines: {tail or 'none'}"
    )


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
