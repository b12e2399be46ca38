"""A verb that changes something, under the lock: first finish what a killed run left, then do what was asked."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property

from deploykit.current import identify
from deploykit.deployment import Deployment, EngineGone, Tools
from deploykit.errors import ConfigError, JournalError, Outcome
from deploykit.events import Event, Finished, Resumed, Started
from deploykit.health import HealthCheck, HealthPolicy
from deploykit.hooks import Hooks, NoHooks
from deploykit.interrupt import Interruption
from deploykit.protocols import (
    Backend,
    Clock,
    Control,
    HeldLock,
    Identity,
    Journal,
    LiveObserver,
    Observer,
    Probe,
    StateStore,
)
from deploykit.record import Kind, Record
from deploykit.release import ImageRef, Release, Snapshot
from deploykit.result import Result, result_of
from deploykit.stack import Stack, counts_as_running, fold, rollback_target
from deploykit.states import State
from deploykit.tagfile import TagFile


@dataclass(frozen=True, slots=True)
class Parts:
    """What an app is made of."""

    backend: Backend
    probes: Sequence[Probe]
    health: HealthPolicy
    state: StateStore
    clock: Clock
    observers: Sequence[Observer] = ()
    hooks: Hooks = NoHooks()  # noqa: RUF009 - has no state

    @property
    def live(self) -> bool:
        """Whether somebody looks on."""
        return any(isinstance(one, LiveObserver) and one.live for one in self.observers)

    def notify(self, event: Event) -> None:
        """Tell the observers; what one of them raises is its own affair."""
        for observer in self.observers:
            try:
                observer(event)
            except (Exception, SystemExit):  # noqa: BLE001, S112 - a broken pipe or a webhook must not stop a deploy
                continue

    @contextmanager
    def reading(self, identity: Identity | None) -> Iterator[Journal]:
        """Lend the journal to be read alone; None: that of the runtime that was last deployed to."""
        journal = self.state.journal_to_read(identity)
        try:
            yield journal
        finally:
            journal.close()

    def check(self, noun: str) -> HealthCheck:
        """Return what judges releases; `noun` is what the runtime's people call an instance."""
        return HealthCheck(self.backend, self.probes, self.health, self.clock, noun)


@dataclass(frozen=True, slots=True)
class Finish:
    """What finishing a killed run came to. `last`: nothing else is to be done, its result is the verb's own."""

    result: Result
    last: bool


@dataclass
class Session:
    """The lock held, the engine known, the journal open."""

    parts: Parts
    identity: Identity
    journal: Journal
    held: HeldLock
    interruption: Interruption
    snapshots: dict[str, Snapshot] = field(default_factory=dict)

    @cached_property
    def tools(self) -> Tools:
        parts = self.parts
        return Tools(
            backend=parts.backend,
            health=parts.check(self.identity.noun),
            clock=parts.clock,
            journal=self.journal,
            tag_file=TagFile(parts.state.tag_text, self.journal),
            files=parts.state.files,
            logs=parts.state.logs,
            control=Control(self.interruption, self.held.inherit, self.held.check, live=parts.live),
            snapshot=self.snapshot,
            notify=parts.notify,
            hooks=parts.hooks,
        )

    def snapshot(self, image: ImageRef) -> Snapshot:
        """Return today's files for an image, read once."""
        if image.name not in self.snapshots:
            self.snapshots[image.name] = self.parts.backend.snapshot(image)
        return self.snapshots[image.name]

    def stack(self) -> Stack:
        """Return the good releases."""
        return fold(self.journal.ended())

    def running(self, stack: Stack) -> Release | None:
        """Return the release that runs, found by its labels, or by its content (then without id); None for nothing."""
        running = self.parts.backend.running()
        if running is None:
            return None
        release = identify(running, self.journal, self.parts.state.files, self.snapshot, "")
        return stack[-1] if stack and stack[-1].same_as(release) else release

    def finish_unfinished(self, *, rollback: bool = False) -> Finish | None:
        """Finish what a killed run left; None when there was nothing.

        `rollback`: a rollback to no release in particular was asked for. A deploy that was not over is undone then.
        """
        found = self.journal.unfinished()
        if found is None:
            return None
        image = found.candidate.image if found.candidate else found.asked
        self.parts.notify(
            Resumed(id=found.id, at=self.parts.clock.time(), kind=found.kind, image=image, state=found.state)
        )
        deployment = Deployment(found, self.tools, give_up=rollback)
        self._run(deployment.finish)
        ended = deployment.record
        fulfils = rollback and fulfils_rollback(found, ended)
        gone = ended.beside or ended.outcome in {Outcome.rolled_back, Outcome.interrupted}
        undone = fulfils and found.kind is Kind.deploy and gone
        code = 0 if undone and not self.interruption.requested else None
        result = self._told(ended, code)
        return Finish(result, last=fulfils or self.journal.unfinished() is not None)

    def tidy_up(self) -> None:
        """See to what the last deployment's process was killed before: it had ended, but had not tidied up."""
        last = self.journal.last()
        if last and last.ended:
            Deployment(last, self.tools).tidy_up()

    def begin(self, record: Record, *, watched: bool = False) -> Result:
        """Write a deployment's row and run it to its end.

        `watched`: when it goes live it is looked at further, and whoever does that tells how it ended.

        Raises:
            ConfigError: it turned out to be refused; nothing was touched, and the row is gone.
        """
        record = replace(record, started_at=self.parts.clock.time())
        record = self._written(lambda: self.journal.begin(record, self.parts.state.files.highest() + 1))
        self.parts.notify(Started(id=record.id, at=record.started_at, kind=record.kind, image=record.asked))
        deployment = Deployment(record, self.tools)
        self._run(deployment.run)
        went_live = deployment.record.outcome is Outcome.deployed
        return self._result(deployment.record) if watched and went_live else self._told(deployment.record)

    def _run(self, run: Callable[[], Record]) -> None:
        with suppress(EngineGone):  # the row stays as it is: the result says unfinished
            self._written(run)

    def _written(self, write: Callable[[], Record]) -> Record:
        try:
            return write()
        except JournalError as error:
            msg = f"{error}; nothing was touched"
            raise ConfigError(msg, hint=error.hint) from error

    def _told(self, record: Record, exit_code: int | None = None) -> Result:
        result = self._result(record, exit_code)
        self.parts.notify(finished_event(result, self.parts.clock.time()))
        return result

    def _result(self, record: Record, exit_code: int | None = None) -> Result:
        now = self.parts.clock.time()
        stack = self.stack()
        serving = record.serving or self._seen(stack)
        previous = rollback_target(stack, counts_as_running(self.journal.records(), serving))
        moves = self.journal.moves(record)
        return result_of(record, moves, now=now, serving=serving, previous=previous, exit_code=exit_code)

    def _seen(self, stack: Stack) -> Release | None:
        """Return what runs, as far as it can be told: a deployment that ended before it looked does not know."""
        with suppress(Exception):  # it is over: nothing may take its result away any more
            return self.running(stack)
        return None


def finished_event(result: Result, at: float) -> Finished:
    """Return the event that ends a deployment."""
    return Finished(
        id=result.id,
        at=at,
        kind=result.kind,
        outcome=result.outcome,
        state=result.state,
        exit_code=result.exit_code,
        image=result.image,
        release=result.release,
        serving=result.serving,
        previous=result.previous,
        barrier=result.barrier,
        failure=result.failure,
        duration=result.duration,
        report=result.report,
    )


def fulfils_rollback(found: Record, ended: Record) -> bool:
    """Whether finishing what was left is the rollback that was asked for."""
    match found.state:
        case State.rolling_back:
            return True
        case State.starting | State.checking:
            return found.kind is Kind.rollback or ended.state is State.rolled_back or ended.beside
        case _:
            return False


@contextmanager
def open_session(parts: Parts, doing: str, lock_wait: float, interruption: Interruption) -> Iterator[Session]:
    """Take the lock, ask the engine who it is, open the journal.

    Raises:
        ConfigError: the state folder or the journal cannot be used.
        Locked: another deployment runs.
        EngineUnreachable: the runtime does not answer.
    """
    parts.state.prepare()
    with parts.state.lock.acquire(doing, lock_wait, interruption) as held:
        identity = parts.backend.identity()
        journal = parts.state.journal(identity)
        interruption.asked_elsewhere = held.abort_requested
        try:
            yield Session(parts, identity, journal, held, interruption)
        finally:
            journal.close()
