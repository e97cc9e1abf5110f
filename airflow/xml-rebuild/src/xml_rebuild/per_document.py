"""What is made for one document and kept by each thread while it is at that document."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from xml_rebuild.prolog import Prolog

T = TypeVar("T")


class PerDocument(threading.local, Generic[T]):
    """Each thread's own, made by `make` when it is first asked for and for each document anew."""

    def __init__(self, make: Callable[[Prolog], T]) -> None:
        self._make = make
        self._made: tuple[Prolog, T] | None = None

    def of(self, prolog: Prolog) -> T:
        """That for the document which begins with `prolog`."""
        if self._made is None or self._made[0] != prolog:
            self._made = (prolog, self._make(prolog))
        return self._made[1]
