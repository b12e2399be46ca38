"""A verb that changes something, under the lock: first finish what a killed run left, then do what was asked."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property

from deploykit.current import found_release, known_release
from deploykit.deployment import Deployment, EngineGone, Tools
from deploykit.errors import ConfigError, JournalError, Outcome
from deploykit.events import Event, Finished, Progress, Resumed, Started
from deploykit.health import HealthCheck, HealthPolicy
from deploykit.interrupt import Interruption
from deploykit.protocols import Backend, Clock, Control, HeldLock, Identity, Journal, Observer, Probe, StateStore
from deploykit.record import Kind, Record
from deploykit.release import ImageRef, Release, Snapshot
from deploykit.result import Result, result_of
from deploykit.stack import Stack, fold, rollback_target
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


@dataclass
class Session:
    """The lock held, the engine known, the journal open."""

    parts: Parts
    identity: Identity
    journal: Journal
    held: HeldLock
    interruption: Interruption
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    _id: str = ""

    @cached_property
    def tools(self) -> Tools:
        parts = self.parts
        return Tools(
            backend=parts.backend,
            health=HealthCheck(parts.backend, parts.probes, parts.health, parts.clock, self.identity.noun),
            clock=parts.clock,
            journal=self.journal,
            tag_file=TagFile(parts.state.tag_text, self.journal),
            files=parts.state.files,
            control=Control(self.interruption, self.held.inherit, self._progress),
            snapshot=self.snapshot,
            notify=self.notify,
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
        """Return the release that runs, found by its labels, or by its content; None when nothing does."""
        running = self.parts.backend.running()
        if running is None:
            return None
        known = known_release(running, self.journal)
        return known or found_release(running, self.snapshot(running.image), "r0a", stack)

    def counts_as_running(self, stack: Stack) -> Release | None:
        """Return what runs, unless its restore is known to have failed: `rollback` tries that again."""
        running = self.running(stack)
        last = self.journal.last()
        if running and last and last.outcome is Outcome.restore_failed and running.same_as(last.restore):
            return None
        return running

    def finish_unfinished(self, *, give_up: bool = False) -> tuple[Record, Result] | None:
        """Finish what a killed run left. Returns it as it was found, and its result; None when there was nothing.

        `give_up`: a deploy that was not over is undone, not gone on with.
        """
        found = self.journal.unfinished()
        if found is None:
            return None
        self._id = found.id
        image = found.candidate.image if found.candidate else found.asked
        self.notify(Resumed(id=found.id, at=self.parts.clock.time(), kind=found.kind, image=image, state=found.state))
        deployment = Deployment(found, self.tools, give_up=give_up)
        return found, self._run(deployment, deployment.finish)

    def begin(self, record: Record) -> Result:
        """Write a deployment's row and run it to its end.

        Raises:
            ConfigError: it turned out to be refused; nothing was touched, and the row is gone.
        """
        record = replace(record, started_at=self.parts.clock.time())
        record = self._written(lambda: self.journal.begin(record, self.parts.state.files.highest() + 1))
        self._id = record.id
        self.notify(Started(id=record.id, at=record.started_at, kind=record.kind, image=record.asked))
        deployment = Deployment(record, self.tools)
        return self._run(deployment, deployment.run)

    def notify(self, event: Event) -> None:
        """Tell the observers; what one of them raises is its own affair."""
        for observer in self.parts.observers:
            try:
                observer(event)
            except Exception:  # noqa: BLE001, S112 - a broken pipe or a webhook must not stop a deploy
                continue

    def _run(self, deployment: Deployment, run: Callable[[], Record]) -> Result:
        with suppress(EngineGone):  # the row stays as it is: the result says unfinished
            self._written(run)
        return self._finished(deployment.record)

    def _written(self, write: Callable[[], Record]) -> Record:
        try:
            return write()
        except JournalError as error:
            msg = f"{error}; nothing was touched"
            raise ConfigError(msg, hint="Make room on the disk of the state folder, and run again.") from error

    def _finished(self, record: Record) -> Result:
        stack = self.stack()
        serving = None if record.outcome is Outcome.restore_failed else record.serving
        result = result_of(
            record, self.journal.moves(record), rollback_target(stack, serving), now=self.parts.clock.time()
        )
        self.notify(finished_event(result, self.parts.clock.time()))
        return result

    def _progress(self, line: str) -> None:
        self.notify(Progress(id=self._id, at=self.parts.clock.time(), line=line))


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
        failure=result.failure,
        duration=result.duration,
    )


def fulfils_rollback(found: Record, result: Result) -> int | None:
    """Return the exit code when finishing what was left is the rollback that was asked for; None when it is not.

    A deploy that was undone is: 0. So is a rollback that was under way, with its own code.
    """
    if found.state.name in {"starting", "checking"}:
        if found.kind is Kind.rollback:
            return result.exit_code
        return 0 if result.outcome is Outcome.rolled_back else None
    if found.state.name == "rolling_back":
        return 0 if (found.kind, result.outcome) == (Kind.deploy, Outcome.rolled_back) else result.exit_code
    return None


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
        try:
            yield Session(parts, identity, journal, held, replace(interruption, asked_elsewhere=held.abort_requested))
        finally:
            journal.close()
