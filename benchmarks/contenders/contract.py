"""What a contender is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from benchmarks.timed import Timed


@dataclass(frozen=True)
class Ended:
    """How a verb ended, and when it was told what; times are seconds since the epoch, None for never."""

    how: Timed
    told_healthy: float | None = None
    told_failed: float | None = None


@dataclass(frozen=True)
class Budget:
    """How long a release may take to turn healthy: so many attempts, so many seconds apart."""

    attempts: int = 30
    interval: float = 2.0

    @property
    def seconds(self) -> float:
        """The whole of it."""
        return self.attempts * self.interval


class Contender(Protocol):
    """Something that deploys an app behind a port of this machine.

    Its verbs block until it says that it is over, well or not, and raise nothing for a bad release.
    """

    @property
    def name(self) -> str:
        """What it is called in tables and plots."""
        ...

    @property
    def restores(self) -> bool:
        """Whether it goes back by itself when a release fails."""
        ...

    @property
    def port(self) -> int:
        """Where clients ask."""
        ...

    @property
    def label(self) -> str:
        """The `name=value` of a label by which the engine knows its containers."""
        ...

    def first(self, tag: str) -> Ended:
        """Deploy where nothing runs yet."""
        ...

    def deploy(self, tag: str) -> Ended:
        """Deploy a tag in place of what runs."""
        ...

    def back(self, tag: str) -> Ended:
        """Go back by hand to the tag that ran before."""
        ...

    def version(self) -> str | None:
        """What serves now, or nothing."""
        ...

    def clean(self) -> None:
        """Leave nothing behind."""
        ...
