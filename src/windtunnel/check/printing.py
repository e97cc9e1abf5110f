"""The findings for a person and for a machine."""

import json
from itertools import groupby

from rich.console import Console
from rich.markup import escape

from windtunnel.check.finding import Finding
from windtunnel.check.rules import RULES

COLOURS = {"error": "red", "warning": "yellow"}


def as_json(findings: list[Finding]) -> str:
    """The contract of `check --json`: a list of findings, and how many there are of each severity."""
    return json.dumps({"findings": [one.as_json() for one in findings]} | counts(findings), indent=2)


def counts(findings: list[Finding]) -> dict[str, int]:
    """How many errors and warnings there are."""
    return {f"{kind}s": sum(one.severity == kind for one in findings) for kind in COLOURS}


def show(findings: list[Finding], out: Console) -> None:
    """Print the findings, file by file."""
    for file, group in groupby(findings, lambda one: one.file):
        out.print(f"[bold]{escape(file)}[/]")
        for one in group:
            out.print(f"  [{COLOURS[one.severity]}]{one.severity:<7}[/] {escape(one.place)}  [dim]{one.rule}[/]")
            out.print(f"    {one.message}", markup=False)
            out.print(f"    MWAA: {RULES[one.rule].mwaa}", markup=False)
            out.print(f"    → {one.advice}", markup=False)
    tally = counts(findings)
    mark = "[red]✗[/]" if tally["errors"] else "[green]✓[/]"
    out.print(f"{mark} {tally['errors']} errors, {tally['warnings']} warnings")
