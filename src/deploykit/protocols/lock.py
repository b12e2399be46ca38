"""What keeps deployments from one another, and an operator from all of them: the lock, and the hold."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from deploykit.interrupt import Interruption


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock: `since` is seconds since the epoch, `doing` a word or two."""

    pid: int
    by: str
    since: float
    doing: str


class HeldLock(Protocol):
    """A lock that is held."""

    @property
    def inherit(self) -> tuple[int, ...]:
        """The descriptors that commands must inherit to hold it on."""
        ...

    def abort_requested(self) -> bool:
        """Whether `abort` was called for this very holder, or the lock was lost."""
        ...

    def check(self) -> None:
        """Raise LockLost when another has it by now: a holder that was not heard of is given up."""


class Lock(Protocol):
    """The lock of a state folder: one deployment at a time."""

    def acquire(self, doing: str, wait: float, interruption: Interruption) -> AbstractContextManager[HeldLock]:
        """Take it, waiting for at most `wait` seconds while its holder lives.

        Raises:
            Locked: another, living, has it.
            Interrupted: told to stop while waiting.
        """
        ...

    def holder(self) -> Holder | None:
        """Tell who has it now, or None. Takes nothing."""

    def request_abort(self) -> bool:
        """Ask the holder to stop. False when nobody that lives has it."""
        ...


@dataclass(frozen=True, slots=True)
class Hold:
    """An operator's hold on deploys: `since` is seconds since the epoch."""

    why: str
    by: str
    since: float


class HoldBoard(Protocol):
    """Where an operator's hold is written up."""

    def read(self) -> Hold | None:
        """Return the hold, or None. Whatever cannot be understood holds."""

    def put(self, hold: Hold) -> None:
        """Write it up, in place of one that is there; raises ConfigError when that cannot be."""

    def lift(self) -> Hold | None:
        """Take it down, and return what it was; None for none. Raises ConfigError when that cannot be."""
