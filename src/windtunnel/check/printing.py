"""The findings for a person and for a machine."""

import json
from itertools import groupby

from rich.console import Console
from rich.markup import escape

from windtunnel.check.finding import Finding
from windtunnel.check.rules import RULES
from windtunnel.check.trial import Trial

COLOURS = {"error": "red", "warning": "yellow"}


def as_json(findings: list[Finding], trial: Trial | None = None) -> str:
    """The contract of `check --json`: a list of findings, how many of each severity, whether startup.sh was run."""
    startup = {"run": not trial.not_run, "why_not": trial.not_run} if trial else None
    told = {"findings": [one.as_json() for one in findings], "startup": startup}
    return json.dumps(told | counts(findings), indent=2)


def counts(findings: list[Finding]) -> dict[str, int]:
    """How many errors and warnings there are."""
    return {f"{kind}s": sum(one.severity == kind for one in findings) for kind in COLOURS}


def show(findings: list[Finding], out: Console, trial: Trial | None = None) -> None:
    """Print the findings, file by file, and whether startup.sh was run."""
    for file, group in groupby(findings, lambda one: one.file):
        out.print(f"[bold]{escape(file)}[/]")
        for one in group:
            out.print(f"  [{COLOURS[one.severity]}]{one.severity:<7}[/] {escape(one.place)}  [dim]{one.rule}[/]")
            out.print(f"    {one.message}", markup=False)
            out.print(f"    MWAA: {RULES[one.rule].mwaa}", markup=False)
            out.print(f"    → {one.advice}", markup=False)
    if trial:
        how = f"read, not run: {trial.not_run}" if trial.not_run else "run in a container of its own"
        out.print(f"startup.sh was {how}", markup=False)
    tally = counts(findings)
    mark = "[red]✗[/]" if tally["errors"] else "[green]✓[/]"
    out.print(f"{mark} {tally['errors']} errors, {tally['warnings']} warnings")
