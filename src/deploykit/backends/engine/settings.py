"""How a backend on a Docker engine replaces one release by another."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

RELEASE_TIMEOUT = 600.0
"""Seconds that a release command may take when nothing else is said: migrations of a small database take less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """The settings of `[backend]` that say how.

    `strategy`: in place, or beside what serves. `parallelism` bounds how many instances of a service stand up at once,
    0 for no bound. Old instances retire `drain` seconds after `pre_stop` was run in them. `recreate_services` are
    replaced in place also when rolling. `release_command` runs in a one-off of the new image, for at most
    `release_timeout` seconds.
    """

    strategy: Literal["recreate", "rolling"] = "recreate"
    parallelism: int = 0
    drain: float = 0.0
    pre_stop: Sequence[str] = ()
    recreate_services: frozenset[str] = frozenset()
    release_command: Sequence[str] = ()
    release_timeout: float = RELEASE_TIMEOUT

    @property
    def rolling(self) -> bool:
        return self.strategy == "rolling"

    def batch(self, there: int, wanted: int) -> int:
        """Return how many instances of a service may be there after the next start."""
        return max(there, min(wanted, there + (self.parallelism or wanted)))
