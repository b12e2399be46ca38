"""The real clock, and work that is done beside its caller."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")


class SystemClock:
    """The machine's own time."""

    def now(self) -> float:
        return time.monotonic()

    def time(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def aside(self, work: Callable[[], T]) -> "Future[T]":
        return in_thread(work)


def in_thread(work: Callable[[], T]) -> "Future[T]":
    """Do it in a thread of its own, which does not keep the process from ending."""
    # Late, as `status` and its like do nothing beside themselves.
    from concurrent.futures import Future
    from threading import Thread

    future: Future[T] = Future()
    Thread(target=_settle, args=(future, work), name="deploykit-aside", daemon=True).start()
    return future


def _settle(future: "Future[T]", work: Callable[[], T]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
        future.set_exception(error)


def in_utc(at: float) -> str:
    """Return seconds since the epoch as people read them: 2026-11-23 10:00:00 UTC."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
