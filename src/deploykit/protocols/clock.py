"""What time promises."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")


class Clock(Protocol):
    """Time. No unit test waits on the real one."""

    def now(self) -> float:
        """Return seconds that only grow; only differences mean anything."""
        ...

    def time(self) -> float:
        """Return seconds since the epoch, which may jump."""
        ...

    def sleep(self, seconds: float) -> None:
        """Block for that long."""

    def aside(self, work: Callable[[], T]) -> "Future[T]":
        """Do it beside the caller, who looks at what comes of it meanwhile and may let it be."""
        ...
