"""What a deployment tells its observers: frozen values, in the order in which things happen.

`name` is the event's name in JSON; the other fields go beside it.
"""

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from deploykit.errors import Outcome
from deploykit.record import Failure, Kind
from deploykit.release import ImageRef, Release
from deploykit.report import Report
from deploykit.states import State, Trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened in the deployment of that id, at that time (seconds since the epoch)."""

    name: ClassVar[str] = "event"
    id: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(Event):
    """A deployment has its row."""

    name: ClassVar[str] = "deployment.started"
    kind: Kind
    image: ImageRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(Event):
    """A deployment that was killed is taken up again, from this state, to be finished."""

    name: ClassVar[str] = "deployment.resumed"
    kind: Kind
    image: ImageRef
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted(Event):
    """Something that deploykit did not start, or does not know as good, serves; it was looked at."""

    name: ClassVar[str] = "release.adopted"
    release: Release
    healthy: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved(Event):
    """This release is what a failure goes back to."""

    name: ClassVar[str] = "restore_target.saved"
    release: Release


@dataclass(frozen=True, slots=True, kw_only=True)
class GoingBack(Event):
    """A rollback leaves what serves, `source`, for `target`.

    `served` and `target_served` are in seconds, None for what is not known; `until` is when the target served last.
    """

    name: ClassVar[str] = "rollback.planned"
    source: Release
    served: float | None
    target: Release
    target_served: float | None
    until: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved(Event):
    """The machine moved; the journal has it."""

    name: ClassVar[str] = "state.changed"
    trigger: Trigger
    source: State
    target: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Event):
    """A line from the runtime, redacted."""

    name: ClassVar[str] = "progress"
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandStarted(Event):
    """The release command is run, in a one-off of the new image."""

    name: ClassVar[str] = "release_command.started"


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalStarted(Event):
    """One instance of the new release is started beside what serves, to prove itself."""

    name: ClassVar[str] = "rehearsal.started"


@dataclass(frozen=True, slots=True, kw_only=True)
class Output(Event):
    """A line that the release command wrote, redacted."""

    name: ClassVar[str] = "release_command.output"
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HookStarted(Event):
    """A command of `[hooks]` is run; `hook` is its key."""

    name: ClassVar[str] = "hook.started"
    hook: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HookOutput(Event):
    """A line that a hook wrote, redacted."""

    name: ClassVar[str] = "hook.output"
    hook: str
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled(Event):
    """The image is at hand, and names its content.

    `size` is what it takes on the disk, unpacked, in bytes, None when the runtime does not tell; `took` is how long it
    was brought for, in seconds.
    """

    name: ClassVar[str] = "image.pulled"
    image: ImageRef
    size: int | None = None
    took: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked(Event):
    """One look of the health wait. `elapsed` and `budget` are in seconds."""

    name: ClassVar[str] = "health.looked"
    attempt: int
    elapsed: float
    budget: float
    healthy: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned(Event):
    """Something that people should know, and that fails nothing."""

    name: ClassVar[str] = "warning"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(Event):
    """A step failed; what is done about it follows."""

    name: ClassVar[str] = "step.failed"
    failure: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRead(Event):
    """The last, redacted, lines of what has failed; they come after the failure, which is told at once."""

    name: ClassVar[str] = "log.read"
    logs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoring(Event):
    """Going back begins: by itself after a failure, or because an operator asked."""

    name: ClassVar[str] = "restore.started"
    release: Release
    automatic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesDiffer(Event):
    """The release that is gone back to runs with its own files; these of today's are others."""

    name: ClassVar[str] = "files.differ"
    release: Release
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching(Event):
    """What serves is looked at from now on, the lock free, for `seconds`; None: until told to stop.

    `by_hand`: by `watch`, not after a deploy.
    """

    name: ClassVar[str] = "watch.started"
    release: Release
    seconds: float | None
    by_hand: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Faltered(Event):
    """A look failed, the one of number `failing` in a row; at `enough` the release counts as unhealthy."""

    name: ClassVar[str] = "watch.faltered"
    elapsed: float
    failing: int
    enough: int
    reason: str


class Sight(Enum):
    """How watching ended. `unseen`: the runtime did not answer when the time was over."""

    healthy = "healthy"
    unhealthy = "unhealthy"
    superseded = "superseded"
    stopped = "stopped"
    unseen = "unseen"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchEnded(Event):
    """What serves is no longer looked at. `elapsed` is in seconds; a failure has been told before."""

    name: ClassVar[str] = "watch.ended"
    sight: Sight
    elapsed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished(Event):
    """The deployment is over, or, `unfinished`, given up for `recover` to go on with.

    One that is watched when it has gone live is over when that has ended. `report` is the story of one that failed.
    """

    name: ClassVar[str] = "deployment.finished"
    kind: Kind
    outcome: Outcome
    state: State
    exit_code: int
    image: ImageRef
    release: Release | None
    serving: Release | None
    previous: Release | None
    barrier: Release | None
    failure: Failure | None
    duration: float
    report: Report | None = None
