"""The settings of a `swarm` backend."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploykit.backends.swarm.service import Pace


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """What the probes ask of services: those that must have a healthcheck, an address of each task, or a shell here."""

    healthcheck: frozenset[str] = frozenset()
    address: frozenset[str] = frozenset()
    command: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class SwarmSettings:
    """What both kinds need. `services` run the app's image; the first is the main one.

    `pull_timeout` is in seconds: for the image to come here, and to the nodes.
    """

    name: str
    services: Sequence[str]
    state: Path = Path(".deploykit")
    pull_timeout: float = 300.0
    host: str | None = None
    context: str | None = None
    pace: Pace = field(default_factory=Pace)
    demands: Demands = field(default_factory=Demands)
