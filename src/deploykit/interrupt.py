"""How a running deployment is told to stop."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from threading import Event

from deploykit.errors import Interrupted


class Cause(Enum):
    """Who told it to stop; `cancel` and `abort` mean the same as SIGTERM."""

    sigint = "SIGINT"
    sigterm = "SIGTERM"

    @property
    def exit_code(self) -> int:
        """128 and the signal's number, as shells have it."""
        return 130 if self is Cause.sigint else 143


@dataclass(slots=True)
class Interruption:
    """A request to stop, which steps look at while they wait. Safe to set from signal handlers and other threads."""

    event: Event = field(default_factory=Event)
    cause: Cause = Cause.sigterm
    asked_elsewhere: Callable[[], bool] = lambda: False

    def request(self, cause: Cause) -> None:
        """Ask to stop. Idempotent; the first cause stays."""
        if not self.event.is_set():
            self.cause = cause
        self.event.set()

    @property
    def requested(self) -> bool:
        """Whether to stop: asked here, or by another process."""
        return self.event.is_set() or self.asked_elsewhere()

    def check(self) -> None:
        """Raise Interrupted when asked to stop."""
        if self.requested:
            raise Interrupted
