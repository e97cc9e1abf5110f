"""Grafana's dashboards as tables in Python; `python -m source` in monitoring/grafana writes them as JSON."""
