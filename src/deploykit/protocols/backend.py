"""What every backend promises, and what it is lent."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from deploykit.interrupt import Interruption
from deploykit.protocols.watching import Rehearsal, Watched
from deploykit.release import ImageRef, Instance, Release, Running, Snapshot


class PullPolicy(Enum):
    """When the registry is asked: `always`, `missing` (only for what is not at hand), or `never`."""

    always = "always"
    missing = "missing"
    never = "never"


@dataclass(frozen=True, slots=True)
class Control:
    """What a deployment lends a backend for a step.

    A step that can be cut looks at `interruption` at least every 0.2 s, and leaves nothing of its own behind. Commands
    that change instances inherit the descriptors `inherit`, so that the lock is held until they have ended, whatever
    becomes of deploykit. `guard` is called right before each: it raises LockLost when another machine has the lock by
    now, and the command must not be run. `progress` takes lines of the runtime's, `show` those of the release's own
    that people are to see. `deployment` is the id of the one that does the step. `live`: somebody looks on, so that
    `progress` may get as much as there is.
    """

    interruption: Interruption = field(default_factory=Interruption)
    inherit: tuple[int, ...] = ()
    guard: Callable[[], None] = lambda: None
    deployment: str = ""
    live: bool = False
    progress: Callable[[str], None] = lambda line: None  # noqa: ARG005
    show: Callable[[str], None] = lambda line: None  # noqa: ARG005


@dataclass(frozen=True, slots=True)
class Identity:
    """Which runtime this is: `engine` is its own lasting id, `project` the name that the app's instances share in it.

    `noun` is what the runtime's people call an instance, with a capital.
    """

    engine: str
    project: str
    noun: str = "Container"


@dataclass(frozen=True, slots=True)
class Execution:
    """What a command that ran inside an instance came to; `output` is both streams, at most 64 KiB."""

    exit_code: int
    output: str


class Backend(Watched, Protocol):
    """A runtime. Every call may be made again after a crash in the middle of it, and then completes or confirms.

    Any call but `snapshot` raises EngineUnreachable when the runtime does not answer within 10 s; steps raise
    StepFailed, with the runtime's own words, redacted, when it refuses. None prints, and none asks anything.
    """

    def identity(self) -> Identity:
        """Tell which runtime this is. Blocks for at most 10 s; serves as its ping."""
        ...

    def snapshot(self, image: ImageRef) -> Snapshot:
        """Read what a release of this image would need beside it, as it is today. Changes nothing.

        Raises:
            ConfigError: a file, a service or a variable is missing or wrong.
        """
        ...

    def running(self) -> Running | None:
        """Tell what runs by the runtime alone, by image *id*. None when no instance is alive."""

    def find(self, image: ImageRef) -> ImageRef | None:
        """Return the image, pinned, when it is at hand; by id, else by digest, else by tag. Asks no registry."""

    def pull(self, image: ImageRef, policy: PullPolicy, control: Control) -> ImageRef:
        """Bring the image and return it pinned. Touches no instance. Can be cut; dies with its parent.

        Raises:
            PullFailed: it did not come, or not within the configured time.
            Interrupted: it was told to stop.
        """
        ...

    def keep(self, release: Release) -> None:
        """See to it that the image of the release stays at hand when its tag moves and unused images are pruned."""

    def settle(self, serving: Release, previous: Release | None = None) -> None:
        """Tidy up when a deployment has ended. `previous` is what a rollback would bring back.

        What serves is seen by the runtime's own tools under its own name; instances that have exited go, but for those
        that `previous` could be brought back with.
        """

    def labels(self, image: ImageRef) -> Mapping[str, str]:
        """Return the labels of an image that is at hand."""
        ...

    def demand(self, image: ImageRef) -> None:
        """Check that a pinned image at hand can be judged and run as configured.

        Raises:
            ConfigError: it cannot; a `container` probe without a HEALTHCHECK, say.
        """

    @property
    def beside(self) -> bool:
        """Whether new instances stand up beside the old ones, not in place of them."""
        ...

    def has_release_command(self) -> bool:
        """Whether a command is to be run before a release replaces another."""
        ...

    def run_release_command(self, release: Release, control: Control) -> None:
        """Run that command in a one-off of the release, and show what it writes. Can be cut; touches no instance.

        Never two at a time: one that a killed run left is waited for first.

        Raises:
            StepFailed: it exited with another code than 0, or did not end in its time.
        """

    def rehearse(self, release: Release, control: Control) -> Rehearsal:
        """Start one instance beside what serves. Touches nothing else; what a killed rehearsal left goes first.

        Raises:
            ConfigError: this runtime, or this strategy, has none.
        """
        ...

    def start(self, release: Release, control: Control) -> bool:
        """Make the instances of this release run, with its own files: in place of the others, or beside them.

        What runs already as it should is left alone. Is never cut half-way. Returns when they have been started; they
        need not be healthy, nor even alive, by then. False: not all of them yet, those that are must first turn
        healthy; then it is to be called again.
        """
        ...

    def complete(self, release: Release) -> bool:
        """Whether all the instances that the release should have run, and no others."""
        ...

    def others(self, release: Release) -> Sequence[Instance]:
        """Return the living instances of the app that belong to other releases."""
        ...

    def promote(self, release: Release, control: Control, *, drain: bool = True) -> None:
        """Retire the instances of every other release of the app. Is never cut half-way.

        Without `drain` they go at once: nobody was led to them.
        """

    def stand_down(self, release: Release, control: Control) -> None:
        """Stop the instances of a release that failed beside others, and keep them to be looked at."""

    def discard(self, release: Release, kept: Sequence[Release], control: Control) -> bool:
        """Remove what is at hand of a release that nobody goes back to any more: ended instances, and its content.

        Content that one of `kept` has too, or that anything else in the runtime uses, stays. Living instances are
        never touched. False when nothing was there to be removed.
        """
        ...

    def images(self) -> Sequence[ImageRef]:
        """Return the app's images that are at hand, pinned, newest first."""
        ...

    def logs(self, release: Release, tail: int) -> str:
        """Return the last `tail` lines that the instances of the release wrote, redacted, at most 1 MiB."""
        ...

    def execute(self, instance: Instance, argv: Sequence[str], timeout: float) -> Execution:
        """Run a command inside an instance, for at most `timeout` seconds.

        Raises:
            StepFailed: it could not be run, or not in time.
        """
        ...

    def redact(self, text: str) -> str:
        """Return the text with every secret that the backend knows of blanked out."""
        ...
