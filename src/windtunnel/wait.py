"""The one way to wait for something."""

import time
from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, retry_if_result, stop_after_delay, wait_fixed

from windtunnel.errors import TimedOut, WindtunnelError

T = TypeVar("T")


def wait_until(check: Callable[[], T | None], what: str, timeout: float, interval: float = 0.5) -> T:
    """Call `check` until it returns something truthy, and return that.

    `what` completes "waited for …" in the error; `timeout` and `interval` are in seconds. An exception from `check`
    counts as "not yet", except Windtunnel's own errors, which are final.

    Raises:
        TimedOut: after `timeout` seconds, with the last exception or value that `check` gave.
    """
    started = time.monotonic()

    def give_up(state: RetryCallState) -> T:
        last = state.outcome.exception() or state.outcome.result() if state.outcome else None
        seconds = time.monotonic() - started
        raise TimedOut(f"waited {seconds:.0f} s for {what}; last seen: {last!r}")

    retrying = Retrying(
        stop=stop_after_delay(timeout),
        wait=wait_fixed(interval),
        retry=retry_if_result(lambda value: not value) | retry_if_exception(_may_pass),
        retry_error_callback=give_up,
    )
    return retrying(check)  # type: ignore[return-value]


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, Exception) and not isinstance(error, WindtunnelError)
