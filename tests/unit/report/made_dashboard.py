"""Dashboards as Grafana writes them, as small as a test needs them."""

from typing import Any


def panel(kind: str = "timeseries", expr: str = "up", **more: Any) -> dict[str, Any]:
    """A panel with one query; `more` sets or adds fields of the panel."""
    model = {
        "id": 1,
        "type": kind,
        "title": "A panel",
        "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8},
        "targets": [{"refId": "A", "expr": expr, "legendFormat": more.pop("legend", "__auto")}],
        "fieldConfig": {"defaults": more.pop("defaults", {}), "overrides": more.pop("overrides", [])},
    }
    return model | more


def dashboard(*panels: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A dashboard of these panels, each with an id of its own."""
    numbered = [one | {"id": number} for number, one in enumerate(panels, 1)]
    return {"uid": "made", "title": "Made", "panels": numbered} | more
