"""The interfaces and their promises. An implementation need not inherit from them, and does not repeat them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from deploykit.events import Event
from deploykit.interrupt import Interruption
from deploykit.record import Move, Record, TagMemory
from deploykit.release import ImageRef, Instance, Release, Running, Snapshot

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")


class Clock(Protocol):
    """Time. No unit test waits on the real one."""

    def now(self) -> float:
        """Return seconds that only grow; only differences mean anything."""
        ...

    def time(self) -> float:
        """Return seconds since the epoch, which may jump."""
        ...

    def sleep(self, seconds: float) -> None:
        """Block for that long."""

    def aside(self, work: Callable[[], T]) -> "Future[T]":
        """Do it beside the caller, who looks at what comes of it meanwhile and may let it be."""
        ...


class Observer(Protocol):
    """Gets every event, in order, in the thread of the deployment. What it raises is dropped."""

    def __call__(self, event: Event, /) -> None: ...


@runtime_checkable
class ClosingObserver(Observer, Protocol):
    """One that tells some of it beside the deployment: `close` waits until it has, not for long, and never raises."""

    def close(self) -> None: ...


@runtime_checkable
class LiveObserver(Observer, Protocol):
    """One at which somebody looks on. While `live`, the runtime's commands tell how far they are as often as may be."""

    live: bool


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


class Watch(AbstractContextManager["Watch"], Protocol):
    """An open eye on the instances of a release. Closing it leaves nothing behind."""

    def wait(self, seconds: float) -> Sequence[Instance]:
        """Return instances that changed (died, started, turned healthy or unhealthy) as soon as there are any.

        Blocks for at most `seconds`, and returns nothing when they have passed. An exit is told with its exit code,
        even when the runtime has started the instance again meanwhile. May tell the same twice, never tells nothing.

        Raises:
            EngineUnreachable: the runtime does not answer any more.
        """
        ...


class Watched(Protocol):
    """Instances that can be looked at, and watched."""

    def instances(self, release: Release) -> Sequence[Instance]:
        """Return every instance of the release that there is, also those that have exited."""
        ...

    def watch(self, release: Release) -> Watch:
        """Open an eye on the release. Told by the runtime as it happens, not by asking again and again.

        Nothing that happened since it was started is missed.
        """
        ...


class Rehearsal(AbstractContextManager["Rehearsal"], Watched, Protocol):
    """One instance of a release beside what serves, to which nobody is led. Leaving it removes the instance."""

    @property
    def published(self) -> Mapping[int, int]:
        """The ports of this machine at which the release would be reached, each with the instance's own."""
        ...

    def logs(self, tail: int) -> str:
        """Return the last `tail` lines that the instance wrote, redacted."""
        ...


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


@dataclass(frozen=True, slots=True)
class Program:
    """A program to be run in place of deploykit; `environment` is all that it gets. `folder`: where, if not here."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    folder: Path | None = None


@runtime_checkable
class Measured(Protocol):
    """What a backend may offer beside: how large its images are, and how old."""

    def measure(self, image: ImageRef) -> tuple[int | None, float | None]:
        """Return bytes on the disk, and when it was made in seconds since the epoch; None for what is not known."""
        ...


@dataclass(frozen=True, slots=True)
class Offer:
    """An image in its registry, pinned by the registry's digest.

    `size` is what a pull of all of it takes for the runtime's own platform, in bytes, compressed; `created` is in
    seconds since the epoch; None for what is not known. `platforms` are those that it is there for, as `linux/amd64`,
    and `wanted` is the runtime's own. `problem` says why there is no more to tell.
    """

    image: ImageRef
    size: int | None = None
    created: float | None = None
    platforms: tuple[str, ...] = ()
    wanted: str = ""
    problem: str = ""

    @property
    def fits(self) -> bool:
        """Whether it is there for the runtime's platform, as far as that can be told."""
        return not self.platforms or self.wanted in self.platforms


@dataclass(frozen=True, slots=True)
class Offers:
    """What a registry has of a repository, newest first, and how many further tags were not looked at."""

    found: Sequence[Offer]
    left_out: int = 0


@runtime_checkable
class Gradual(Protocol):
    """What a backend may tell beside: whether it replaces some instances at a time, while the others serve on."""

    @property
    def gradual(self) -> bool:
        """Whether it does."""
        ...


@runtime_checkable
class Stocked(Protocol):
    """What a backend may offer beside: looks into the registry of its images, with the runtime's own logins.

    Both calls change nothing, end within a minute, and raise RegistryFailed beside what every call raises.
    """

    def offers(self, repository: str, limit: int, first: Collection[str]) -> Offers:
        """Return `limit` of the tags of a repository: those of `first` before others."""
        ...

    def offer(self, image: ImageRef) -> Offer:
        """Return what the registry has under a name, or by a digest."""
        ...


@runtime_checkable
class Inside(Protocol):
    """What a backend may offer beside: ways to get at what runs, by hand. Nothing is run.

    Every call raises EngineUnreachable when the runtime does not answer, and ConfigError when there is no such service,
    or no such thing in this runtime. `terminal`: the program has one.
    """

    def exec_program(self, service: str, argv: Sequence[str], *, terminal: bool) -> Program:
        """Return what runs a command in a living instance of a service."""
        ...

    def shell_program(self, release: Release, argv: Sequence[str], *, terminal: bool) -> Program:
        """Return what runs a command in a one-off of the release, which serves nobody and goes when it ends."""
        ...

    def compose_program(self, release: Release, argv: Sequence[str]) -> Program:
        """Return `docker compose ARGV` with the project, the files, the pin and the variables of the release."""
        ...

    def logs_program(self, service: str | None, *, follow: bool, tail: int | None) -> Program:
        """Return what shows the log of what runs, as the runtime has it; None: of all services, or the main one."""
        ...


class Standing(Enum):
    """How a line of the checklist stands, from good to bad."""

    ok = "ok"
    warning = "warning"
    failed = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """A line of the checklist: what it is about, how it stands, and how to mend it."""

    about: str
    standing: Standing
    text: str
    hint: str | None = None


Check = Callable[[ImageRef | None], Finding]
"""A further line of the checklist, for the image that is to be deployed, when that is known. Never raises."""


@runtime_checkable
class Inspected(Protocol):
    """What a backend may offer beside: its own lines of the checklist."""

    def findings(self, image: ImageRef, budget: float) -> Iterator[Finding]:
        """Look at the runtime, and for the image in its registry. Changes nothing; may take a minute.

        `budget`: the seconds that a release has to turn healthy. Raises as every call of a backend.
        """
        ...


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


class Lock(Protocol):
    """The lock of a state folder: one deployment at a time."""

    def acquire(self, doing: str, wait: float, interruption: Interruption) -> AbstractContextManager["HeldLock"]:
        """Take it, waiting for at most `wait` seconds while its holder lives.

        Raises:
            Locked: another, living, has it.
            Interrupted: told to stop while waiting.
        """
        ...

    def holder(self) -> "Holder | None":
        """Tell who has it now, or None. Takes nothing."""

    def request_abort(self) -> bool:
        """Ask the holder to stop. False when nobody that lives has it."""
        ...


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock: `since` is seconds since the epoch, `doing` a word or two."""

    pid: int
    by: str
    since: float
    doing: str


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


class Journal(Protocol):
    """The journal of one state store, for one project on one engine: only their deployments count.

    Every writing call is one transaction, on the disk when it returns; it raises JournalError when it cannot be. The
    reading ones raise ConfigError when it is damaged.
    """

    def close(self) -> None:
        """Close the file."""

    def begin(self, record: Record, first: int = 1) -> Record:
        """Write a new deployment and return it with its number, which is `first` at least, and never used twice."""
        ...

    def update(self, record: Record, move: Move | None = None) -> None:
        """Write what a deployment has come to, and, with it, the move that it made."""

    def discard(self, record: Record) -> None:
        """Take a deployment out again that turned out to be refused. Its number is not given again."""

    def reserve(self) -> None:
        """Make room on the disk now for what one deployment still has to write."""

    def unfinished(self) -> Record | None:
        """Return the deployment that has not ended, if there is one."""

    def last(self) -> Record | None:
        """Return the newest deployment."""

    def get(self, number: int) -> Record | None:
        """Return the deployment of that number."""

    def ended(self) -> Iterator[Record]:
        """Yield every deployment that has ended, oldest first."""
        ...

    def records(self) -> Iterator[Record]:
        """Yield every deployment, newest first."""
        ...

    def moves(self, record: Record) -> Sequence[Move]:
        """Return the moves of a deployment, in order."""
        ...

    def tag_notes(self) -> TagMemory:
        """Return the tag file's note and the one before it; `content` is None."""
        ...

    def note_tag(self, memory: TagMemory) -> None:
        """Keep the tag file's note and the one before it."""

    def protected(self) -> frozenset[str]:
        """Return the ids of the releases that are protected against `prune`."""
        ...

    def protect(self, release_id: str, *, on: bool) -> None:
        """Protect a release, or no longer. Idempotent."""


class TagText(Protocol):
    """Where the text of the tag file is; `name` is how messages call it."""

    name: str

    def read(self) -> str | None:
        """Return its text without white space around it; None when there is no file, or nothing in it."""

    def write(self, text: str | None) -> None:
        """Replace the text as one; None removes the file."""


class StateStore(Protocol):
    """What deploykit remembers between runs."""

    @property
    def lock(self) -> Lock:
        """The lock that a deployment holds while it runs."""
        ...

    @property
    def files(self) -> "ReleaseFiles":
        """The files of releases."""
        ...

    @property
    def tag_text(self) -> TagText:
        """The tag file."""
        ...

    @property
    def folder(self) -> Path | None:
        """The folder that all of it is kept in; None when it is in none."""

    @property
    def logs(self) -> "FailureLogs":
        """The logs of what failed."""
        ...

    @property
    def hold(self) -> HoldBoard:
        """The hold of an operator."""
        ...

    def prepare(self) -> None:
        """Make it usable; raises ConfigError when it is not."""

    def journal(self, identity: Identity) -> Journal:
        """Open the journal for writing; raises ConfigError."""
        ...

    def journal_to_read(self, identity: Identity | None) -> Journal:
        """Open the journal for reading alone; without an identity, that of the newest deployment.

        Raises:
            ConfigError: it cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands on a shelf under a key. `version` is the shelf's own; `age` in seconds, by the runtime's clock."""

    key: str
    content: bytes = field(repr=False)
    version: str
    age: float = 0.0


class Shelf(Protocol):
    """What a runtime keeps for deploykit, the same for every machine that asks it. A key is `KIND.NAME`.

    Each call raises EngineUnreachable when the runtime does not answer: whether it did what was asked is not known
    then, and asking again is safe. It raises ConfigError when the runtime refuses.
    """

    def read(self, kind: str) -> "Mapping[str, Entry]":
        """Return what there is of a kind, by name."""
        ...

    def get(self, key: str) -> Entry | None:
        """Return what stands under a key, None for nothing."""

    def put(self, key: str, content: bytes, before: Entry | None) -> Entry | None:
        """Put content under a key in place of `before`, None for nothing there, and return it.

        None: another has put something else there since. What is there with that very content counts as put.
        """

    def remove(self, entry: Entry) -> None:
        """Take it away, whatever it is by now. Idempotent."""


@runtime_checkable
class Shelved(Protocol):
    """A backend whose runtime keeps things for deploykit: needed for `[state] store = "engine"`."""

    def shelf(self, name: str) -> Shelf:
        """Return the shelf of that name, which need not be there yet. Asks nothing. Names are `[a-z0-9._-]`."""
        ...


class FailureLogs(Protocol):
    """Where the logs of what failed are kept, by the deployment's id; redacted, at most 1 MiB each."""

    def keep(self, deployment: str, text: str) -> None:
        """Keep a log, for its owner alone, in place of one that is there. Never raises: nothing depends on it."""

    def read(self, deployment: str) -> str | None:
        """Return it; None when there is none."""

    def discard(self, deployment: str) -> None:
        """Forget it, if it is there."""


class ReleaseFiles(Protocol):
    """Where the files of releases are kept, by release id."""

    def keep(self, release_id: str, snapshot: Snapshot) -> None:
        """Keep them, for their owner alone. Idempotent; what is there under that id is replaced as one."""

    def read(self, release_id: str) -> Snapshot:
        """Return them; raises StepFailed when they are not there."""
        ...

    def discard(self, release_id: str) -> None:
        """Forget them, if they are there."""

    def highest(self) -> int:
        """Return the highest deployment number that left files, 0 for none."""
        ...
