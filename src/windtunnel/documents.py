"""The files that are made from the tables: settings, exit codes, classes, command line. A test holds them to it."""

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from windtunnel import alerts, classes, differences, errors, images, metrics, settings
from windtunnel.check import documentation as rules
from windtunnel.settings import ROOT

MADE = "Made from the tables in `src/windtunnel/`; `./windtunnel docs` writes it anew."


def all_of_them() -> dict[Path, str]:
    """Path → text of every file that is made."""
    return {
        ROOT / ".env.example": settings.env_example(),
        ROOT / "docs/settings.md": settings.documentation(),
        ROOT / "docs/exit-codes.md": exit_codes(),
        ROOT / "docs/images.md": image_table(),
        ROOT / "docs/classes.md": class_table(),
        ROOT / "services/aws/mwaa_api/classes.json": json.dumps([*classes.CLASSES]) + "\n",
        ROOT / "docs/differences.md": differences.documentation(),
        ROOT / "docs/command-line.md": command_line(),
        ROOT / "docs/metrics.md": metrics.documentation(),
        ROOT / "docs/alerts.md": alerts.documentation(),
        ROOT / "docs/check.md": rules.documentation(),
        ROOT / "monitoring/statsd-exporter.yml": metrics.statsd_exporter(),
        ROOT / "monitoring/prometheus/rules/mwaa.yml": metrics.recording_rules(),
    }


def exit_codes() -> str:
    """Every exit code with its error and meaning."""
    rows = [(error.exit_code, name, inspect.getdoc(error) or "") for name, error in errors.family().items()]
    lines = [f"| {code} | `{name}` | {doc.splitlines()[0]} |" for code, name, doc in sorted(rows)]
    table = ["| code | error | meaning |", "| --- | --- | --- |", "| 0 | | success |", *lines]
    interrupted = "| 130 | | interrupted by Ctrl-C; what was started goes on |"
    return "\n".join(["# Exit codes", "", MADE, "", *table, interrupted, ""])


def image_table() -> str:
    """Each image: the pinned public one, the drop-in, and the contract that both keep."""
    rows = [
        f"| {name} | `{image['variable']}` | {_code(image['official'])} | {_code(image.get('drop_in', ''))} "
        f"| {image['line']} | {image['uid']} | {', '.join(image['ports'])} | {_code(image.get('data', ''))} |"
        for name, image in images.TABLE.items()
    ]
    head = ["| image | setting | official | drop-in | release line | user | ports | data |", "| --- " * 8 + "|"]
    reasons = [
        f"- {name}: {image[key]}"
        for name, image in images.TABLE.items()
        for key in ("official_reason", "source_reason")
        if key in image
    ]
    return "\n".join(["# Images", "", MADE, "", *head, *rows, "", "Where one is missing:", "", *reasons, ""])


def class_table() -> str:
    """MWAA's environment classes as `up --class` sets them."""
    head = "| class | worker | scheduler | web server | database | tasks per worker | parsing processes | DAGs |"
    rows = [
        f"| {one.name} | {_size(one.worker)} | {_size(one.scheduler)} | {_size(one.webserver)} | {_size(one.database)} "
        f"| {one.tasks} | {one.parsing_processes} | {one.dags} |"
        for one in classes.CLASSES.values()
    ]
    unit = "vCPU / GiB of each container; DAGs: as many as AWS advises."
    return "\n".join(["# Environment classes", "", MADE, "", unit, "", head, "| --- " * 8 + "|", *rows, ""])


def command_line() -> str:
    """Every verb with its help."""
    from windtunnel.cli import app

    lines = ["# Command line", "", MADE]
    for name, command in _verbs(get_command(app)):
        lines += ["", f"## {name}", "", _prose(command.help or "")]
        options = [parameter for parameter in command.params if parameter.name not in ("help", "context")]
        lines += [""] * bool(options) + [f"- `{_spelling(p)}`: {p.help or ''}" for p in options]
    return "\n".join([*lines, ""])


def _verbs(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Each verb that is not hidden, by all the words that call it."""
    for name, command in sorted(group.commands.items()):
        if hasattr(command, "commands"):
            yield from _verbs(command, f"{before}{name} ")
        elif not command.hidden:
            yield f"{before}{name}", command


def _prose(help: str) -> str:
    return inspect.cleandoc(help).replace("[bold]", "`").replace("[/]", "`")


def _spelling(parameter: Any) -> str:
    """An option's names, or an argument's."""
    return parameter.name.upper() if parameter.param_type_name == "argument" else ", ".join(parameter.opts)


def _code(text: str) -> str:
    return f"`{text}`" if text else "–"


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]} / {size[1]}"
