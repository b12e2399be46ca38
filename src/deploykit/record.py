"""One deployment, as the journal keeps it."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from deploykit.errors import Outcome
from deploykit.interrupt import Cause
from deploykit.release import ImageRef, Release
from deploykit.states import INITIAL, TERMINAL, State, Trigger


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


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a deployment failed. `summary` is one line; `logs` the last, redacted, lines of what failed.

    `exit_code` is that of the instance that died, if one did.
    """

    summary: str
    state: State
    detail: str = ""
    exit_code: int | None = None
    oom_killed: bool = False
    dead: bool = False
    logs: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """One move of the machine, as the journal keeps it. `at` is seconds since the epoch."""

    at: float
    source: State
    trigger: Trigger
    target: State


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
    adopted: bool = False
    restore: Release | None = None
    barrier: Release | None = None
    prepared: bool = False
    started: bool = False
    beside: bool = False
    tag_before: TagMemory | None = None
    interrupted: Cause | None = None
    failure: Failure | None = None
    restore_failure: Failure | None = None
    outcome: Outcome | None = None
    finished_at: float | None = None

    @property
    def id(self) -> str:
        return f"r{self.number}"

    @property
    def ended(self) -> bool:
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
