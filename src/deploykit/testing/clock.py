"""A clock that only moves when it is told to."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class ManualClock:
    """Time for tests: sleeping moves it, and costs nothing."""

    def __init__(self, epoch: float = 1_700_000_000.0) -> None:
        self._epoch = epoch
        self.elapsed: float = 0.0
        """Seconds since it was made."""

    def now(self) -> float:
        return self.elapsed

    def time(self) -> float:
        return self._epoch + self.elapsed

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def aside(self, work: Callable[[], T]) -> Future[T]:
        """Do it at once: the time that it takes passes here too."""
        future: Future[T] = Future()
        try:
            future.set_result(work())
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            future.set_exception(error)
        return future

    def advance(self, seconds: float) -> None:
        """Let that many seconds pass."""
        self.elapsed += max(seconds, 0)
