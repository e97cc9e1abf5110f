"""Windtunnel's view of its containers and tasks from outside: container metrics, memory per task, OOM verdicts."""

__version__ = "0.1"
