"""What a person sees: one line a step, with its time, and what goes on while it lasts."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.status import Status

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class Step:
    """A step that is under way: `say` adds to its closing line, `progress` shows what it is at."""

    def __init__(self, status: Status | None, title: str) -> None:
        self._status = status
        self._title = title
        self.result = ""

    def say(self, text: str) -> None:
        """A line of its own, for what the user should know while it happens."""
        out.print(f"  [dim]{escape(text)}[/]")

    def progress(self, text: str) -> None:
        """What the step is at; overwritten by the next, and shown on terminals only."""
        if self._status:
            self._status.update(f"{self._title:<9} [dim]{escape(text[: max(20, out.width - 20)])}[/]")


@contextmanager
def step(title: str) -> Iterator[Step]:
    """Run a step under a spinner; print its one line when it ends well."""
    started = time.monotonic()
    if sys.stdout.isatty():
        with out.status(f"{title:<9}") as status:
            current = Step(status, title)
            yield current
    else:
        current = Step(None, title)
        yield current
    out.print(f"[green]✓[/] {title:<9} {escape(current.result)} [dim]{time.monotonic() - started:.1f} s[/]")
