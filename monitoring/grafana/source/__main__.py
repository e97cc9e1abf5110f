"""Writes every dashboard as JSON for Grafana's provisioning: `python -m source` in monitoring/grafana."""

from source.boards import BOARDS, as_json, path_of

for board in BOARDS:
    path_of(board).write_text(as_json(board))
