"""One deployment, as the journal keeps it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from deploykit.errors import Outcome
from deploykit.interrupt import Cause
from deploykit.release import ImageRef, Instance, Release
from deploykit.states import INITIAL, TERMINAL, State, Trigger

UNREADABLE = "(its log cannot be read"
"""What stands in the place of a log that is not there; the reason follows."""


IMAGE = "image"
"""The part of a change that is the image, not a file."""


class Kind(Enum):
    """What a deployment is for."""

    deploy = "deploy"
    rollback = "rollback"


@dataclass(frozen=True, slots=True)
class Options:
    """What its caller asked for, beside the image. `auto` allows restoring; `files` is of rollbacks.

    `rehearse`: an instance must first prove itself beside what serves.
    """

    message: str = ""
    by: str = ""
    auto: bool = True
    force: bool = False
    pull: str = "always"
    files: Literal["release", "current"] = "release"
    irreversible: bool = False
    rehearse: bool = False


class ReleaseCommand(Enum):
    """How far the release command has come: none is configured, it waits, it has begun, it ended with code 0."""

    none = "none"
    waits = "waits"
    begun = "begun"
    done = "done"


@dataclass(frozen=True, slots=True)
class Looks:
    """What a probe said while it was waited for: how often, by kind, and what at last. `probe` is its name.

    An empty name: it was seen without a probe, by the runtime's own word.
    """

    probe: str
    looks: int
    kinds: tuple[tuple[str, int], ...]
    last: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What a release has other than the one before it, in one part: the image, or a file. No values of variables."""

    part: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a deployment failed. `summary` is one line; `logs` the last, redacted, lines of what failed.

    `exit_code` is that of the instance that died, if one did; `instances` are as they were seen last, the dead ones
    first. `looks` are those of the wait that failed.
    """

    summary: str
    state: State
    detail: str = ""
    exit_code: int | None = None
    oom_killed: bool = False
    dead: bool = False
    logs: str = ""
    hint: str = ""
    looks: tuple[Looks, ...] = ()
    instances: tuple[Instance, ...] = ()

    @property
    def has_log(self) -> bool:
        """Whether a log was read, so that more of it is kept."""
        return bool(self.logs) and not self.logs.startswith(UNREADABLE)


@dataclass(frozen=True, slots=True)
class Move:
    """One move of the machine, as the journal keeps it. `at` is seconds since the epoch."""

    at: float
    source: State
    trigger: Trigger
    target: State


def began(moves: Sequence[Move]) -> float | None:
    """Return when starting began, None when it never did."""
    return next((move.at for move in moves if move.target is State.starting), None)


@dataclass(frozen=True, slots=True)
class TagMemory:
    """What `.previous_image_tag` held, and what the journal knew of it: see deploykit.tagfile."""

    content: str | None = None
    note: str | None = None
    before: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A deployment, with all that it needs to go on after a crash. Times are seconds since the epoch.

    `asked` is what the caller named; `candidate` the release being tried, once it is known; `made_from` the release
    that `rollback --files current` took it from. `current` is what served when it began, `current_healthy` whether it
    then passed the probes. `adopted` tells that `current` was found, not known as the newest good release.
    `prepared` and `started` tell that it reached that state, `preparing` and `starting`, so may have done its work.
    `restore` is what a failure goes back to, `barrier` the irreversible release that this would go back across, if any;
    `tag_before` what the tag file was before it was written. `beside` tells that it failed beside what served before,
    which still serves.
    For the story of a failure: `current_since` tells when `current` began to serve; `replaced` whether starting took
    away what served; `healthy_at` when what it brought, or brought back, was seen healthy; `resumed` that its process
    was killed, and another went on; `changes` what the candidate has other than `current`. None: not known.
    """

    number: int
    engine: str
    project: str
    kind: Kind
    asked: ImageRef
    started_at: float
    options: Options = field(default_factory=Options)
    state: State = INITIAL
    candidate: Release | None = None
    made_from: Release | None = None
    current: Release | None = None
    current_healthy: bool | None = None
    current_reason: str = ""
    current_since: float | None = None
    adopted: bool = False
    restore: Release | None = None
    barrier: Release | None = None
    prepared: bool = False
    started: bool = False
    beside: bool = False
    replaced: bool | None = None
    healthy_at: float | None = None
    resumed: bool = False
    command: ReleaseCommand | None = None
    changes: tuple[Change, ...] | None = None
    tag_before: TagMemory | None = None
    interrupted: Cause | None = None
    failure: Failure | None = None
    restore_failure: Failure | None = None
    outcome: Outcome | None = None
    finished_at: float | None = None

    @property
    def id(self) -> str:
        """How people name it: `r12`."""
        return f"r{self.number}"

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self.state in TERMINAL

    @property
    def good(self) -> bool:
        """Whether it ended with the release asked for serving, healthy."""
        return self.state is State.healthy

    @property
    def serving(self) -> Release | None:
        """The release of record that runs now that this deployment has ended, if any."""
        if self.good:
            return self.candidate
        if not self.started or self.beside:
            return self.current
        went_back = self.state is State.rolled_back or self.restore_failure is not None
        return self.restore if went_back else self.candidate

    @property
    def exit_code(self) -> int:
        """The exit code that its outcome stands for.

        Raises:
            ValueError: it has not ended.
        """
        if self.outcome is None:
            msg = f"{self.id} has not ended"
            raise ValueError(msg)
        if self.outcome is Outcome.interrupted and self.interrupted:
            return self.interrupted.exit_code
        return self.outcome.exit_code


def new_row(kind: Kind, asked: ImageRef, options: Options) -> Record:
    """Return a deployment that has not begun: the journal gives it its number."""
    return Record(number=0, engine="", project="", kind=kind, asked=asked, started_at=0.0, options=options)
