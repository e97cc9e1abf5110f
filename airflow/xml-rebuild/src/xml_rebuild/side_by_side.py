"""The same work on several items at a time."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

Item = TypeVar("Item")


def side_by_side(work: Callable[[Item], object], items: Iterable[Item], threads: int, name: str) -> None:
    """Begin the items in their order, `threads` of them at a time.

    Raises the first error as soon as the work under way has ended; what was not begun by then is not done.
    """
    pool = ThreadPoolExecutor(threads, name)
    try:
        for future in as_completed([pool.submit(work, item) for item in items]):
            future.result()
    finally:
        pool.shutdown(cancel_futures=True)
