"""An end that nothing outstays, whatever it waits for."""

from collections.abc import Callable
from time import monotonic
from typing import TypeVar

from deploykit.clock import in_thread

T = TypeVar("T")


class Deadline:
    """A point in time, `seconds` from when it was made."""

    def __init__(self, seconds: float) -> None:
        self._seconds = max(0.0, seconds)
        self._end = monotonic() + seconds

    def __str__(self) -> str:
        return f"{round(self._seconds, 2):g}s"

    def left(self) -> float:
        """Return the seconds that are left, more than 0.

        Raises:
            TimeoutError: none are.
        """
        left = self._end - monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def hold(self, work: Callable[[], T], cut: Callable[[], None] = lambda: None) -> T:
        """Return what `work` returns or raises, and call `cut` when that is over or time is up.

        It works in a thread of its own, as nothing else ends the wait for a name server. `cut` is to end it soon.

        Raises:
            TimeoutError: it did not end in time.
        """
        seconds = self.left()
        future = in_thread(work)
        try:
            return future.result(seconds)
        finally:
            cut()
