"""A diagnosis, healthy or not: every part from the machine to a task that a worker has run."""

from windtunnel.stack import Stack


def diagnose(stack: Stack) -> None:
    raise NotImplementedError
