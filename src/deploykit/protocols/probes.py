"""What a probe promises, and what it says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from deploykit.release import Instance


class ProbeVerdict(Enum):
    """What one look said. `dead` ends the wait: looking again cannot help."""

    healthy = "healthy"
    unhealthy = "unhealthy"
    dead = "dead"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One look: its verdict, the reason in a few words when it is not healthy, and warnings that never fail it."""

    verdict: ProbeVerdict
    reason: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        return self.verdict is ProbeVerdict.healthy


class Probe(Protocol):
    """A way to look at a release's instances from outside or inside."""

    @property
    def name(self) -> str:
        """How it is called in messages: `http http://localhost:8000/api/health/`."""
        ...

    @property
    def service(self) -> str | None:
        """The service whose instances it looks at; None for those of every service."""

    def aimed(self, published: Mapping[int, int]) -> "Probe | None":
        """Return a probe that asks the same of an instance itself, None when there is none.

        `published` maps ports of this machine to the instance's own: what asks there would ask what serves.
        """

    def look(self, instances: Sequence[Instance], timeout: float) -> Verdict:
        """Look once, within `timeout` seconds and the probe's own limit, whichever is shorter; all parts included.

        `instances` are the living ones of its service. What the app does or says is never an exception.
        """
        ...
