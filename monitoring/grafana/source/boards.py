"""All dashboards, and the text of their files."""

from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from source import environment, memory_tuning, rebuild_job, workers_and_queue
from source.layout import Board, build_board

BOARDS = (environment.BOARD, memory_tuning.BOARD, workers_and_queue.BOARD, rebuild_job.BOARD)
FOLDER = Path(__file__).parents[1] / "dashboards"


def path_of(board: Board) -> Path:
    """Where Grafana's provisioning finds the dashboard."""
    return FOLDER / f"{board.uid}.json"


def as_json(board: Board) -> str:
    """The file's text."""
    return JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(build_board(board)) + "\n"
