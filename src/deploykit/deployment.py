"""One deployment: the loop over the machine, and one handler a state, which does its work and says how to go on."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from deploykit.current import Current, first_look, found_release, known_release, same_name
from deploykit.errors import (
    ConfigError,
    DeploykitError,
    EngineUnreachable,
    Interrupted,
    JournalError,
    Outcome,
    StepFailed,
)
from deploykit.events import Adopted, Event, Failed, Looked, Moved, Pulled, Restoring, Saved, Warned
from deploykit.health import HealthCheck, Judgement, Look
from deploykit.interrupt import Interruption
from deploykit.machine import DeploymentMachine
from deploykit.protocols import Backend, Clock, Control, Journal, ProbeVerdict, PullPolicy, ReleaseFiles
from deploykit.record import Failure, Kind, Move, Record
from deploykit.release import ImageRef, Release, Snapshot
from deploykit.stack import Stack, fold, restore_target, rollback_target, step
from deploykit.states import UNTOUCHED, State, Trigger
from deploykit.tagfile import TagFile

ENGINE_WAIT = 60.0
"""Seconds that an engine which went away is waited for, from `starting` on."""
_ENGINE_POLL = 0.5
_LOG_LINES = 20
_UNSTOPPABLE = Interruption()


class EngineGone(Exception):
    """The engine stayed away; the row is left as it is, for `recover`."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a deployment works with. `snapshot` reads today's files for an image."""

    backend: Backend
    health: HealthCheck
    clock: Clock
    journal: Journal
    tag_file: TagFile
    files: ReleaseFiles
    control: Control
    snapshot: Callable[[ImageRef], Snapshot]
    notify: Callable[[Event], None]


class Deployment:
    """Runs a deployment from the state that its record is in to its end. Every move is in the journal before its work.

    `give_up`: a deploy that is found in starting or checking is not gone on with: it fails, and what served comes back.
    """

    def __init__(self, record: Record, tools: Tools, *, give_up: bool = False) -> None:
        self.record = record
        self._tools = tools
        self._machine = DeploymentMachine(record.state, self._restorable)
        self._give_up = give_up
        self._unwritten: JournalError | None = None
        self._handlers: dict[State, Callable[[], Trigger]] = {
            State.pending: self._pending,
            State.saved: self._saved,
            State.pulling: self._pulling,
            State.preparing: self._preparing,
            State.starting: self._starting,
            State.checking: self._checking,
            State.promoting: self._promoting,
            State.rolling_back: self._rolling_back,
        }

    def run(self) -> Record:
        """Go from state to state until the deployment has ended.

        Raises:
            ConfigError: what is configured does not fit the image; nothing was touched, and the row is gone.
            EngineGone: the engine stayed away; the row is left for `recover`.
            JournalError: a move could not be written before anything was touched.
        """
        while not self._machine.ended:
            self._fire(self._attempt())
        self._settle()
        return self.record

    def finish(self) -> Record:
        """Finish a deployment whose process died. Raises as `run`."""
        state = self._machine.state
        if state in UNTOUCHED:
            summary = f"Abandoned in {state.name}: deploykit was killed; nothing was replaced"
            self._fire(self._failed(Failure(summary, state)))
        elif self._give_up and self.record.kind is Kind.deploy and state in {State.starting, State.checking}:
            summary = f"Given up in {state.name}: deploykit was killed, and a rollback was asked for"
            self._fire(self._failed(Failure(summary, state)))
        return self.run()

    # The loop.

    def _attempt(self) -> Trigger:
        state = self._machine.state
        while True:
            try:
                return self._handlers[state]()
            except Interrupted:
                cause = self._tools.control.interruption.cause
                self._set(interrupted=cause)
                return self._failed(Failure(f"Interrupted by {cause.value} in {state.name}", state))
            except EngineUnreachable as error:
                if state in UNTOUCHED:
                    return self._failed(_failure(error, state))
                self._await_engine(error)
            except Exception as error:  # whatever goes wrong, what served must come back
                if isinstance(error, ConfigError) and state in UNTOUCHED:
                    self._take_back()
                    raise
                return self._failed(_failure(error, state))

    def _fire(self, trigger: Trigger) -> None:
        source = self._machine.state
        target = self._machine.fire(trigger)
        record = replace(self.record, state=target, started=self.record.started or target is State.starting)
        if self._machine.ended:
            record = replace(record, outcome=self._outcome(record, source), finished_at=self._tools.clock.time())
            self._end_tag_file(record)
        self.record = record
        self._commit(Move(self._tools.clock.time(), source, trigger, target))
        self._notify(Moved, trigger=trigger, source=source, target=target)

    def _commit(self, move: Move) -> None:
        try:
            if move.target is State.starting:
                self._tools.journal.reserve()
            self._tools.journal.update(self.record, move)
        except JournalError as error:
            if move.target in UNTOUCHED or move.target is State.starting:
                raise
            # What serves comes first: the restore is carried out, and the exit code tells of the journal.
            self._unwritten = error
            self._warn(str(error))

    def _settle(self) -> None:
        if self.record.serving is None:
            return
        try:
            self._tools.backend.settle(self.record.serving)
        except Exception as error:  # noqa: BLE001 - the deployment is over: nothing may fail it any more
            self._warn(f"the runtime is not tidied up: {error}")

    def _await_engine(self, error: EngineUnreachable) -> None:
        clock = self._tools.clock
        self._warn(f"{error}; waiting for it for up to {ENGINE_WAIT:g}s")
        deadline = clock.now() + ENGINE_WAIT
        while clock.now() < deadline:
            clock.sleep(_ENGINE_POLL)
            try:
                self._tools.backend.identity()
            except EngineUnreachable:
                continue
            return
        raise EngineGone(str(error)) from error

    # The handlers, in the order of the states.

    def _pending(self) -> Trigger:
        stack = self._stack()
        current = self._find_current(stack)
        self._set(
            current=current and current.release,
            current_healthy=current and current.verdict.healthy,
            current_reason=current.verdict.reason if current else "",
            adopted=bool(current and current.adopted),
            tag_before=self._tools.tag_file.remember(),
        )
        self._set(restore=self._choose_restore(stack))
        if current and current.adopted:
            self._tools.backend.keep(current.release)
            reason = current.verdict.reason
            self._notify(Adopted, release=current.release, healthy=current.verdict.healthy, reason=reason)
        return Trigger.save

    def _saved(self) -> Trigger:
        restore = self.record.restore
        if restore:
            self._tools.backend.keep(restore)
            if restore.image.tag:
                self._tools.tag_file.write(restore.image.tag)
            self._notify(Saved, release=restore)
        return Trigger.pull

    def _pulling(self) -> Trigger:
        image = self._pull()
        self._tools.backend.demand(image)
        candidate = self._candidate(image)
        self._set(candidate=candidate)
        self._tools.backend.keep(candidate)
        self._notify(Pulled, image=image)
        self._tools.control.interruption.check()
        if self._serves_already(candidate):
            return Trigger.accept
        self._set(restore=self._choose_restore(self._stack()))
        return Trigger.prepare if self._tools.backend.prepares(self.record.kind) else Trigger.start

    def _preparing(self) -> Trigger:
        self._tools.backend.prepare(self._trying, self._tools.control)
        return Trigger.start

    def _starting(self) -> Trigger:
        fresh = self._trying.same_as(self.record.current)
        self._tools.backend.start(self._trying, self._tools.control, fresh=fresh)
        return Trigger.check

    def _checking(self) -> Trigger:
        if self._unwritten:
            return self._failed(Failure(str(self._unwritten), State.checking))
        judgement = self._judge(self._trying, State.checking, self._tools.control.interruption)
        if judgement.failure:
            return self._failed(judgement.failure)
        return Trigger.promote if self._tools.backend.others(self._trying) else Trigger.accept

    def _promoting(self) -> Trigger:
        try:
            self._tools.backend.promote(self._trying, self._uncut)
        except EngineUnreachable:
            raise
        except Exception as error:  # noqa: BLE001 - the new release serves: nothing here may fail it any more
            self._warn(f"older instances are left, and go with the next run: {error}")
        return Trigger.accept

    def _rolling_back(self) -> Trigger:
        target = self.record.restore
        assert target is not None  # noqa: S101 - the table lets none through without
        self._notify(Restoring, release=target, automatic=True)
        self._tools.backend.pull(target.image, PullPolicy.missing, self._uncut)
        self._tools.backend.start(target, self._uncut)
        judgement = self._judge(target, State.rolling_back, _UNSTOPPABLE)
        if self._tools.control.interruption.requested:
            self._set(interrupted=self._tools.control.interruption.cause)
        if judgement.failure:
            return self._failed(judgement.failure)
        if self._tools.backend.others(target):
            self._tools.backend.promote(target, self._uncut)
        return Trigger.restore

    # What they are made of.

    @property
    def _trying(self) -> Release:
        assert self.record.candidate is not None  # noqa: S101 - set in pulling, before anything is started
        return self.record.candidate

    @property
    def _uncut(self) -> Control:
        return replace(self._tools.control, interruption=_UNSTOPPABLE)

    def _find_current(self, stack: Stack) -> Current | None:
        running = self._tools.backend.running()
        if running is None:
            return None
        release = known_release(running, self._tools.journal)
        if release is None:
            snapshot = self._tools.snapshot(running.image)
            adopted_id = f"{self.record.id}a"
            release = found_release(running, snapshot, adopted_id, stack)
            if release.id == adopted_id:
                self._tools.files.keep(release.id, snapshot)
        adopted = not (stack and stack[-1].same_as(release))
        verdict = first_look(self._tools.health, patient=adopted)
        return Current(release, adopted, verdict)

    def _choose_restore(self, stack: Stack) -> Release | None:
        record = self.record
        good = bool(record.current_healthy) or not (record.adopted or self._is_candidate(record.current))
        return restore_target(stack, record.current, current_good=good, is_candidate=self._is_candidate)

    def _is_candidate(self, release: Release | None) -> bool:
        """Before the pull a candidate has no content yet: then its name and today's files tell."""
        if release is None or self.record.candidate:
            return release is not None and release.same_as(self.record.candidate)
        if release.image.name != self.record.asked.name:
            return False
        return release.parts == self._tools.snapshot(self.record.asked).parts

    def _pull(self) -> ImageRef:
        known = self.record.candidate
        policy = PullPolicy(self.record.options.pull) if self.record.kind is Kind.deploy else PullPolicy.missing
        image = self._tools.backend.pull(known.image if known else self.record.asked, policy, self._tools.control)
        if known and image.id != known.image.id:
            msg = f"{known.image.name} is not what it was: image {image.id}, not {known.image.id}"
            raise StepFailed(msg)
        return image

    def _candidate(self, image: ImageRef) -> Release:
        if self.record.candidate:
            return self.record.candidate
        snapshot = self._tools.snapshot(image)
        wanted = Release(self.record.id, image, snapshot.parts, self.record.options.irreversible)
        known = [release for release in (self.record.current, *reversed(self._stack())) if release]
        for release in known:
            if same_name(release, wanted):
                return release
        self._tools.files.keep(wanted.id, snapshot)
        return wanted

    def _serves_already(self, candidate: Release) -> bool:
        """Whether the very release asked for serves and is healthy, now, with every part."""
        if self.record.options.force or not candidate.same_as(self.record.current):
            return False
        return self._tools.health.look_now(self._tools.health.policy.budget).healthy

    def _judge(self, release: Release, state: State, interruption: Interruption) -> Judgement:
        judgement = self._tools.health.wait(release, interruption, self._heard, state)
        for warning in judgement.warnings:
            self._warn(warning)
        return judgement

    def _heard(self, look: Look) -> None:
        verdict = look.verdict
        self._notify(
            Looked,
            attempt=look.attempt,
            elapsed=look.elapsed,
            budget=look.budget,
            healthy=verdict.verdict is ProbeVerdict.healthy,
            reason=verdict.reason,
        )

    def _restorable(self) -> bool:
        record = self.record
        if record.restore is None or (record.candidate and record.candidate.irreversible and not record.options.force):
            return False
        # Switched off for failed deploys alone; a rollback carries its own switch.
        return record.options.auto or (record.kind is Kind.deploy and record.interrupted is not None)

    def _failed(self, failure: Failure) -> Trigger:
        failure = replace(failure, detail=self._redact(failure.detail), logs=failure.logs or self._logs(failure.state))
        failure = replace(failure, summary=self._redact(failure.summary))
        if failure.state is State.rolling_back:
            self._set(restore_failure=failure)
        else:
            self._set(failure=failure)
        self._notify(Failed, failure=failure)
        return Trigger.fail

    def _logs(self, state: State) -> str:
        release = self.record.restore if state is State.rolling_back else self.record.candidate
        if state in UNTOUCHED or release is None:
            return ""
        try:
            return self._tools.backend.logs(release, _LOG_LINES)
        except Exception as error:  # noqa: BLE001 - a log that cannot be read must not stand in the restore's way
            return f"(its log cannot be read: {error})"

    def _outcome(self, record: Record, source: State) -> Outcome:
        asked_to_stop = record.interrupted is not None
        if self._unwritten:
            return Outcome.unfinished
        match record.state:
            case State.healthy:
                return Outcome.deployed if record.started else Outcome.unchanged
            case State.rolled_back:
                return Outcome.interrupted if asked_to_stop else Outcome.rolled_back
            case _ if not record.started:
                return Outcome.interrupted if asked_to_stop else Outcome.untouched
            case _ if source is State.rolling_back:
                return Outcome.restore_failed
            case _:
                return Outcome.left_unhealthy if record.restore else Outcome.no_target

    def _end_tag_file(self, record: Record) -> None:
        try:
            self._settle_tag_file(record)
        except (OSError, ConfigError, JournalError) as error:
            self._warn(f"the tag file is not up to date: {error}")

    def _settle_tag_file(self, record: Record) -> None:
        """Write what `rollback` brings back from now on; or put back what was there when nothing was replaced."""
        if not record.started:
            self._put_back_tag(record)
            return
        stack = step(self._stack(), record)
        running = None if record.outcome is Outcome.restore_failed else record.serving
        serving = record.serving if self._tools.tag_file.exists() else None
        release = rollback_target(stack, running) or serving
        if release and release.image.tag:
            self._tools.tag_file.write(release.image.tag)

    def _put_back_tag(self, record: Record) -> None:
        if record.tag_before:
            self._tools.tag_file.put_back(record.tag_before)

    def _take_back(self) -> None:
        """Leave no trace of a deployment that is refused."""
        self._put_back_tag(self.record)
        self._tools.files.discard(self.record.id)
        self._tools.journal.discard(self.record)

    def _stack(self) -> Stack:
        return fold(self._tools.journal.ended())

    def _set(self, **changes: object) -> None:
        self.record = replace(self.record, **changes)  # type: ignore[arg-type]  # names are those of Record

    def _redact(self, text: str) -> str:
        return self._tools.backend.redact(text)

    def _warn(self, text: str) -> None:
        self._notify(Warned, text=text)

    def _notify(self, event: type[Event], **fields: object) -> None:
        self._tools.notify(event(id=self.record.id, at=self._tools.clock.time(), **fields))


def _failure(error: Exception, state: State) -> Failure:
    match error:
        case StepFailed():
            return Failure(str(error), state, detail=error.detail, hint=error.hint)
        case DeploykitError():
            return Failure(str(error), state, hint=error.hint)
        case _:
            return Failure(f"{type(error).__name__} in {state.name}: {error}", state)
