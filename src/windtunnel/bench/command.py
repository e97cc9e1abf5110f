"""`./windtunnel bench`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from windtunnel.bench import rebuild as benchmark
from windtunnel.bench.contenders import CONTENDERS, chosen
from windtunnel.bench.size import size_of
from windtunnel.bench.table import remarks, table
from windtunnel.console import err, out
from windtunnel.errors import RunFailed
from windtunnel.settings import EnvironmentFile
from windtunnel.stack import Stack

app = typer.Typer(no_args_is_help=True, help="Time this project beside what else does the same.")


@app.callback()
def group() -> None:
    """Time this project beside what else does the same."""


@app.command()
def rebuild(
    context: typer.Context,
    size: Annotated[str, typer.Option(help="Of each document, unpacked.")] = "3GB",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write everything that was found there.")] = None,
    contender: Annotated[
        list[str] | None, typer.Option(help=f"Only this one; may be repeated: {', '.join(CONTENDERS)}.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Times that each runs; the median counts.")] = 1,
) -> None:
    """Rebuild a database from one large XML file, by this project's library and by others, and print how fast.

    Needs no running stack, only its Postgres image. Documents and the contenders' packages stay in .cache/bench.

    Example: [bold]./windtunnel bench rebuild --size 200MB --contender ours-1 --contender pubmed_parser[/]
    """
    name = context.find_root().params["name"]
    entrants = chosen(contender or [])
    outcome = benchmark.run(Stack(EnvironmentFile(name)), entrants, size_of(size), rounds, _say)
    if json_file:
        json_file.write_text(json.dumps(_as_json(outcome), indent=2) + "\n")
    out.print(table(outcome.results))
    for remark in remarks(outcome.results):
        out.print(f"  {escape(remark)}")
    if failed := [one.name for one in outcome.results if one.error]:
        raise RunFailed(f"bench rebuild: expected every contender to end well, found failed: {', '.join(failed)}")


def _say(text: str) -> None:
    err.print(f"  [dim]{escape(text)}[/]")


def _as_json(outcome: benchmark.Outcome) -> dict[str, Any]:
    return {**outcome.described, "contenders": [one.as_json() for one in outcome.results]}
