"""Writes every dashboard as JSON for Grafana's provisioning: `python -m source` in monitoring/grafana."""

from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from source import environment
from source.layout import Board, build_board

BOARDS: tuple[Board, ...] = (environment.BOARD,)
FOLDER = Path(__file__).parents[1] / "dashboards"


def as_json(board: Board) -> str:
    """The file's text."""
    return JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(build_board(board)) + "\n"


if __name__ == "__main__":
    for made in BOARDS:
        (FOLDER / f"{made.uid}.json").write_text(as_json(made))
