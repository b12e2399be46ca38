"""One deployment: the loop over the machine, and one handler a state, which does its work and says how to go on."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import TypeVar

from deploykit.cause import with_cause, with_last_words
from deploykit.current import Current, first_look, has_files, identify, same_name, since_when
from deploykit.differences import changes
from deploykit.ending import outcome_of, put_back, settle_tag_file
from deploykit.errors import (
    ConfigError,
    DeploykitError,
    EngineUnreachable,
    Interrupted,
    JournalError,
    LockLost,
    Outcome,
    PullFailed,
    StepFailed,
)
from deploykit.events import (
    Adopted,
    CommandStarted,
    Event,
    Failed,
    FilesDiffer,
    GoingBack,
    HookOutput,
    HookStarted,
    LogRead,
    Looked,
    Moved,
    Output,
    Progress,
    Pulled,
    RehearsalStarted,
    Restoring,
    Saved,
    Warned,
)
from deploykit.health import HealthCheck, Judgement, Look, rehearsing
from deploykit.hooks import Hook, Hooks, NoHooks, hooks_at_end, variables
from deploykit.interrupt import Interruption
from deploykit.machine import DeploymentMachine
from deploykit.protocols import (
    Backend,
    Clock,
    Control,
    FailureLogs,
    Gradual,
    Journal,
    Measured,
    ProbeVerdict,
    PullPolicy,
    ReleaseFiles,
    Watched,
)
from deploykit.record import UNREADABLE, Failure, Kind, Move, Record, ReleaseCommand
from deploykit.redact import redacted
from deploykit.release import LABEL_IRREVERSIBLE, ImageRef, Release, Snapshot
from deploykit.spans import elapsed, served_last
from deploykit.stack import Stack, counts_as_running, failed_before, fold, rollback_target
from deploykit.states import UNTOUCHED, State, Trigger
from deploykit.tagfile import TagFile
from deploykit.targets import choose_barrier, choose_restore, restorable

T = TypeVar("T")

ENGINE_WAIT = 60.0
"""Seconds that an engine which went away is waited for, from `starting` on."""
_ENGINE_POLL = 0.5
_RESTORE_TRIES = 3
_RESTORE_GAP = 1.0
LOG_LINES = 20
"""Lines of the log of what failed that are kept with the failure."""
KEPT_LINES = 5_000
"""Lines of it that are kept beside the journal; a MiB is the most."""
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
    logs: FailureLogs
    control: Control
    snapshot: Callable[[ImageRef], Snapshot]
    notify: Callable[[Event], None]
    hooks: Hooks = NoHooks()  # noqa: RUF009 - has no state


class Deployment:
    """Runs a deployment from the state that its record is in to its end. Every move is in the journal before its work.

    `give_up`: a deploy that is found in starting or checking is not gone on with: it fails, and what served comes back.
    """

    def __init__(self, record: Record, tools: Tools, *, give_up: bool = False) -> None:
        self.record: Record = record
        self._tools = tools
        self._machine = DeploymentMachine(record.state, lambda: restorable(self.record))
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
            EngineGone: the engine stayed away, or another machine goes on with it; the row is left as it is.
            JournalError: a move could not be written before anything was touched.
        """
        with self._losing_the_lock():
            while not self._machine.ended:
                self._fire(self._attempt())
        self.tidy_up()
        self._run_last_hooks()
        return self.record

    def finish(self) -> Record:
        """Finish a deployment whose process died. Raises as `run`."""
        with self._losing_the_lock():
            self._take_up()
        return self.run()

    def _take_up(self) -> None:
        state = self._machine.state
        self._set(resumed=True)
        if state in UNTOUCHED:
            summary = f"Abandoned in {state.name}: deploykit was killed; nothing was replaced"
            self._fire(self._failed(Failure(summary, state)))
        elif self._give_up and self.record.kind is Kind.deploy and state in {State.starting, State.checking}:
            summary = f"Given up in {state.name}: deploykit was killed, and a rollback was asked for"
            self._fire(self._failed(Failure(summary, state)))

    def tidy_up(self) -> None:
        """Let go of what an ended deployment needs no more. Idempotent; never raises."""
        if self.record.serving is None or self.record.beside:
            return
        try:
            running = counts_as_running([self.record], self.record.serving)
            self._tools.backend.settle(self.record.serving, rollback_target(self._stack(), running))
        except Exception as error:  # noqa: BLE001 - the deployment is over: nothing may fail it any more
            self._warn(f"the runtime is not tidied up: {error}")

    # The loop.

    @contextmanager
    def _losing_the_lock(self) -> Iterator[None]:
        try:
            yield
        except LockLost as error:  # whoever has it now finishes the row: not one command more from here
            self._warn(str(error))
            self._set(outcome=Outcome.unfinished)
            raise EngineGone(str(error)) from error

    def _attempt(self) -> Trigger:
        state = self._machine.state
        patience = ENGINE_WAIT
        while True:
            try:
                return self._work(state)
            except Interrupted:
                self._check_lock()
                cause = self._control.interruption.cause
                self._set(interrupted=cause)
                return self._failed(Failure(f"Interrupted by {cause.value} in {state.name}", state))
            except EngineUnreachable as error:
                if state in UNTOUCHED:
                    return self._failed(_failure(error, state))
                patience = self._await_engine(error, patience)
            except LockLost:
                raise
            except Exception as error:  # whatever goes wrong, what served must come back
                if isinstance(error, ConfigError) and state in UNTOUCHED:
                    self._take_back()
                    raise
                return self._failed(_failure(error, state))

    def _check_lock(self) -> None:
        """Raise LockLost when that is why to stop: nobody has interrupted it then."""
        with suppress(ConfigError, EngineUnreachable):
            self._control.guard()

    def _work(self, state: State) -> Trigger:
        if state in UNTOUCHED or state is State.starting:
            self._control.interruption.check()
        return self._handlers[state]()

    def _fire(self, trigger: Trigger) -> None:
        source = self._machine.state
        target = self._machine.fire(trigger)
        self._set(
            state=target,
            prepared=self.record.prepared or target is State.preparing,
            started=self.record.started or target is State.starting,
        )
        if self._machine.ended:
            if not self.record.good:
                old, new = self.record.current, self.record.candidate
                self._set(changes=changes(old, new, self._tools.files, self._redact))
            self._set(outcome=outcome_of(self.record), finished_at=self._tools.clock.time())
            self._end_tag_file()
        self._commit(Move(self._tools.clock.time(), source, trigger, target))
        self._notify(Moved, trigger=trigger, source=source, target=target)

    def _commit(self, move: Move) -> None:
        try:
            self._tools.journal.update(self.record, move)
        except JournalError as error:
            if move.target in UNTOUCHED or move.target is State.starting:
                with suppress(JournalError):
                    self._take_back()
                raise
            # What serves comes first: the restore is carried out, and the exit code tells of the journal.
            self._unwritten = error
            self._warn(str(error))
        if self._unwritten and self._machine.ended and self.record.started:
            self._set(outcome=Outcome.unfinished)

    def _run_last_hooks(self) -> None:
        for hook in hooks_at_end(self.record):
            # Whoever interrupted the deployment did not mean what is run because of that.
            control = self._uncut if self._control.interruption.requested else self._control
            try:
                self._run_hook(hook, control)
            except Interrupted:
                self._warn(f"{hook.value} was ended by an interrupt; {self.record.id} ended before it")
            except Exception as error:  # noqa: BLE001 - the deployment is over: nothing may fail it any more
                self._warn(self._redact(f"{error}; this changes nothing of how {self.record.id} ended"))

    def _run_hook(self, hook: Hook, control: Control) -> None:
        if self._tools.hooks.has(hook):
            self._notify(HookStarted, hook=hook.value)
            show = replace(
                control, show=lambda line: self._notify(HookOutput, hook=hook.value, line=self._redact(line))
            )
            self._tools.hooks.run(hook, variables(self.record), show)

    def _await_engine(self, error: EngineUnreachable, patience: float) -> float:
        """Return what is left of the patience when the engine answers again."""
        clock = self._tools.clock
        self._warn(f"{error}; waiting for it for up to {patience:g}s")
        deadline = clock.now() + patience
        while clock.now() < deadline:
            clock.sleep(_ENGINE_POLL)
            with suppress(Exception):  # whatever it says instead of who it is, it is not back yet
                self._tools.backend.identity()
                return deadline - clock.now()
        raise EngineGone(str(error)) from error

    # The handlers, in the order of the states.

    def _pending(self) -> Trigger:
        stack = self._stack()
        current = self._find_current(stack)
        self._set(
            current=current and current.release,
            current_healthy=current and current.verdict.healthy,
            current_reason=current.verdict.reason if current else "",
            current_since=current and current.since,
            adopted=bool(current and current.adopted),
            tag_before=self._tools.tag_file.remember(),
            command=ReleaseCommand.waits if self._commands else ReleaseCommand.none,
        )
        self._choose_restore(stack)
        self._say_what_is_left()
        if current and current.adopted:
            self._keep(current.release)
            reason = current.verdict.reason
            self._notify(Adopted, release=current.release, healthy=current.verdict.healthy, reason=reason)
        return Trigger.save

    def _saved(self) -> Trigger:
        restore = self.record.restore
        if restore:
            self._keep(restore)
            if restore.image.tag:
                self._tools.tag_file.write(restore.image.tag)
            self._notify(Saved, release=restore)
        return Trigger.pull

    def _pulling(self) -> Trigger:
        known, options = self.record.candidate, self.record.options
        policy = PullPolicy(options.pull) if self.record.kind is Kind.deploy else PullPolicy.missing
        begun = self._tools.clock.now()
        image = self._pull(known.image if known else self.record.asked, policy, self._control)
        took = self._tools.clock.now() - begun
        self._tools.backend.demand(image)
        candidate = self._candidate(image)
        self._set(candidate=candidate)
        self._tools.backend.keep(candidate)
        self._notify(Pulled, image=image, size=self._size(image), took=took)
        self._say_if_it_failed_before(image)
        self._control.interruption.check()
        if self._serves_already(candidate):
            return Trigger.accept
        self._set(candidate=self._anew(candidate))
        self._choose_restore(self._stack())
        if self.record.kind is Kind.rollback:
            self._compare_with_today(candidate)
        self._tools.journal.reserve()
        if self._commands:
            self._set(command=ReleaseCommand.begun)  # from the next move on, which writes it down
        return Trigger.prepare if self._commands or self.record.options.rehearse else self._ready()

    def _preparing(self) -> Trigger:
        if self._commands:
            self._notify(CommandStarted)
            self._tools.backend.run_release_command(self._trying, self._control)
            self._set(command=ReleaseCommand.done)
        if self.record.options.rehearse and (failure := self._rehearsed()):
            return self._failed(failure)
        self._tools.journal.reserve()
        return self._ready()

    def _ready(self) -> Trigger:
        if self.record.kind is Kind.deploy:  # no command may stand in the way of going back
            self._run_hook(Hook.before_start, self._control)
        self._set(replaced=replaces(self._tools.backend))
        return Trigger.start

    def _starting(self) -> Trigger:
        while not self._tools.backend.start(self._trying, self._control):
            judgement = self._judge(self._trying, State.starting, self._control.interruption)
            if judgement.failure:
                return self._failed(judgement.failure)
        return Trigger.check

    def _checking(self) -> Trigger:
        if self._unwritten:
            return self._failed(Failure(str(self._unwritten), State.checking))
        judgement = self._judge(self._trying, State.checking, self._control.interruption)
        if judgement.failure:
            return self._failed(judgement.failure)
        self._set(healthy_at=self._tools.clock.time())
        return Trigger.promote if self._tools.backend.others(self._trying) else Trigger.accept

    def _promoting(self) -> Trigger:
        try:
            self._tools.backend.promote(self._trying, self._uncut)
        except (EngineUnreachable, LockLost):
            raise
        except Exception as error:  # noqa: BLE001 - the new release serves: nothing here may fail it any more
            self._warn(f"older instances are left, and go with the next run: {error}")
        return Trigger.accept

    def _rolling_back(self) -> Trigger:
        target = self.record.restore
        assert target is not None  # noqa: S101 - the table lets none through without
        self._notify(Restoring, release=target, automatic=True)
        if self.record.kind is Kind.deploy and self.record.candidate:
            self._tell_differences(target, self.record.candidate.parts)  # which are today's
        judgement = self._brought_back(target)
        if self._control.interruption.requested:
            self._set(interrupted=self._control.interruption.cause)
        if judgement.failure:
            return self._failed(judgement.failure)
        self._set(healthy_at=self._tools.clock.time())
        self._insist(target, lambda: self._alone(target))
        return Trigger.restore

    # What they are made of.

    @property
    def _trying(self) -> Release:
        assert self.record.candidate is not None  # noqa: S101 - set in pulling, before anything is started
        return self.record.candidate

    @cached_property
    def _control(self) -> Control:
        return replace(
            self._tools.control,
            deployment=self.record.id,
            progress=lambda line: self._notify(Progress, line=line),
            show=lambda line: self._notify(Output, line=self._redact(line)),
        )

    @property
    def _commands(self) -> bool:
        """Whether a release command is to be run: never when going back."""
        return self.record.kind is Kind.deploy and self._tools.backend.has_release_command()

    @property
    def _uncut(self) -> Control:
        return replace(self._control, interruption=_UNSTOPPABLE)

    def _say_if_it_failed_before(self, image: ImageRef) -> None:
        failed = failed_before(self._tools.journal.records(), image) if self.record.kind is Kind.deploy else None
        if failed and failed.failure:
            self._warn(f"this content failed when it was last tried, in {failed.id}: {failed.failure.summary}")

    def _find_current(self, stack: Stack) -> Current | None:
        tools = self._tools
        running = tools.backend.running()
        if running is None:
            return None
        adopted_id = f"{self.record.id}a"
        release = identify(running, tools.journal, tools.files, tools.snapshot, adopted_id)
        if not has_files(release, tools.files):
            # Found just now, or its files are lost, and it could not be started again with them.
            snapshot = tools.snapshot(running.image)
            release = Release(adopted_id, running.image, snapshot.parts)
            tools.files.keep(release.id, snapshot)
        adopted = not (stack and stack[-1].same_as(release))
        health = replace(tools.health, strict=True)  # a probe that is broken is told before anything is touched
        verdict = first_look(health, running, tools.control.interruption, patient=adopted)
        return Current(release, adopted, verdict, since_when(running, release, tools.journal, self.record.number))

    def _say_what_is_left(self) -> None:
        """Tell from what to what a rollback goes, and how long each has served."""
        source, target = self.record.current, self.record.candidate
        if self.record.kind is not Kind.rollback or source is None or target is None or target.same_as(source):
            return
        journal = self._tools.journal
        last = served_last(journal.records(), target, journal.moves)
        self._notify(
            GoingBack,
            source=source,
            served=elapsed(self.record.current_since, self._tools.clock.time()),
            target=target,
            target_served=last and last.seconds,
            until=last and last.until,
        )

    def _keep(self, release: Release) -> None:
        """Keep what a failure would go back to. That it is gone already is no reason not to deploy."""
        try:
            self._tools.backend.keep(release)
        except StepFailed as error:
            self._warn(f"{release.image.name} cannot be kept for a rollback: {error}")

    def _choose_restore(self, stack: Stack) -> None:
        self._set(restore=choose_restore(self.record, stack, lambda: self._tools.snapshot(self.record.asked)))
        before = (record for record in self._tools.journal.records() if record.number != self.record.number)
        self._set(barrier=choose_barrier(self.record, before))

    def _pull(self, image: ImageRef, policy: PullPolicy, control: Control) -> ImageRef:
        came = self._tools.backend.pull(image, policy, control)
        if image.id and came.id != image.id:
            raise PullFailed(f"{image.name} is not what it was: image {came.id}, not {image.id}")
        return came

    def _size(self, image: ImageRef) -> int | None:
        backend = self._tools.backend
        return backend.measure(image)[0] if isinstance(backend, Measured) else None

    def _candidate(self, image: ImageRef) -> Release:
        """Return the release asked for: one that was tried before keeps its id."""
        if self.record.candidate:
            self._tools.files.read(self.record.candidate.id)  # lost ones are told before anything is touched
            return self.record.candidate
        snapshot = self._tools.snapshot(image)
        irreversible = self.record.options.irreversible or self._marked_irreversible(image)
        wanted = Release(self.record.id, image, snapshot.parts, irreversible)
        release = next((release for release in self._known_releases() if same_name(release, wanted)), wanted)
        self._tools.files.keep(release.id, snapshot)
        return replace(release, irreversible=release.irreversible or irreversible)

    def _marked_irreversible(self, image: ImageRef) -> bool:
        return self._tools.backend.labels(image).get(LABEL_IRREVERSIBLE, "").lower() == "true"

    def _anew(self, candidate: Release) -> Release:
        """Return the release to start: content that runs already, and is to run anew, gets an id of its own."""
        if not candidate.same_as(self.record.current) or candidate.id == self.record.id:
            return candidate
        anew = replace(candidate, id=self.record.id)
        self._tools.files.keep(anew.id, self._tools.files.read(candidate.id))
        self._tools.backend.keep(anew)
        return anew

    def _rehearsed(self) -> Failure | None:
        """Let one instance prove itself beside what serves."""
        self._notify(RehearsalStarted)
        with self._tools.backend.rehearse(self._trying, self._control) as rehearsal:
            services = {one.service for one in rehearsal.instances(self._trying)}
            probes = [
                (probe, probe.aimed(rehearsal.published) if probe.service in {None, *services} else None)
                for probe in self._tools.health.probes
            ]
            for probe, aimed in probes:
                if aimed is None:
                    self._warn(f"the rehearsal is not judged by {probe.name}, which cannot ask it")
            health = rehearsing(self._tools.health, [aimed for _, aimed in probes if aimed])
            judgement = self._judge(self._trying, State.preparing, self._control.interruption, health, rehearsal)
            return judgement.failure and replace(judgement.failure, logs=self._kept(rehearsal.logs(KEPT_LINES)))

    def _compare_with_today(self, release: Release) -> None:
        """Tell what today's files differ in. That they are broken is no reason not to go back."""
        try:
            today = self._tools.snapshot(release.image)
        except ConfigError as error:
            self._warn(f"today's files cannot be read, so they are not compared with those of {release.id}: {error}")
        else:
            self._tell_differences(release, today.parts)

    def _tell_differences(self, release: Release, today: Mapping[str, str]) -> None:
        if parts := release.differing_parts(today):
            self._notify(FilesDiffer, release=release, parts=parts)

    def _known_releases(self) -> Iterator[Release]:
        for record in chain([self.record], self._tools.journal.records()):
            yield from (release for release in (record.current, record.candidate) if release)

    def _brought_back(self, target: Release) -> Judgement:
        """Start what served before, and judge it."""
        self._insist(target, lambda: self._pull(target.image, PullPolicy.missing, self._uncut))
        while True:
            whole = self._insist(target, lambda: self._tools.backend.start(target, self._uncut))
            judgement = self._insist(target, lambda: self._judge(target, State.rolling_back, _UNSTOPPABLE))
            if whole or judgement.failure:
                return judgement

    def _alone(self, target: Release) -> None:
        if self._tools.backend.others(target):
            self._tools.backend.promote(target, self._uncut, drain=False)

    def _insist(self, target: Release, step: Callable[[], T]) -> T:
        """Do a step of bringing back what served before, and return what comes of it.

        There is nowhere else to go, so a refusal is not taken for the last word; but for the registry's.
        """
        for _ in range(_RESTORE_TRIES - 1):
            try:
                return step()
            except (EngineUnreachable, LockLost, PullFailed):
                raise
            except Exception as error:  # noqa: BLE001 - a plug-in's bug may pass too
                self._warn(f"{target.image.name} is not back yet: {error}; trying again")
                self._tools.clock.sleep(_RESTORE_GAP)
        return step()

    def _serves_already(self, candidate: Release) -> bool:
        """Whether the very release asked for serves and is healthy, now, with every part."""
        current = self.record.current
        if self.record.options.force or current is None or not candidate.same_as(current):
            return False
        return (
            self._tools.backend.complete(current)
            and self._tools.health.look_now(self._tools.health.policy.budget).healthy
        )

    def _judge(
        self,
        release: Release,
        state: State,
        interruption: Interruption,
        health: HealthCheck | None = None,
        watched: Watched | None = None,
    ) -> Judgement:
        judgement = (health or self._tools.health).wait(release, interruption, self._heard, state, watched)
        for warning in judgement.warnings:
            self._warn(warning)
        if judgement.failure:
            return replace(judgement, failure=with_cause(judgement.failure, self.record))
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

    def _failed(self, failure: Failure) -> Trigger:
        failure = replace(failure, detail=self._redact(failure.detail), summary=self._redact(failure.summary))
        self._notify(Failed, failure=failure)
        failure = with_last_words(failure, failure.logs or self._logs(failure.state))
        if failure.logs:
            self._notify(LogRead, logs=failure.logs)
        if failure.state is State.rolling_back:
            self._set(restore_failure=failure)
        else:
            self._set(failure=failure)
            self._stand_down()
        return Trigger.fail

    def _stand_down(self) -> None:
        """Where there is no way back, and none is needed, for what served still serves: stop what failed beside it."""
        failed = self.record.candidate
        if self._machine.state in UNTOUCHED or failed is None or restorable(self.record):
            return
        try:
            if self._tools.backend.others(failed):
                self._tools.backend.stand_down(failed, self._uncut)
                self._complete(self.record.current)
                self._set(beside=True)
                self._warn(f"{failed.image.name} is stopped beside what still serves, and kept to be looked at")
        except Exception as error:  # noqa: BLE001 - then it is left as it is, and the outcome says so
            self._warn(f"{failed.image.name} cannot be stopped: {error}")

    def _complete(self, serving: Release | None) -> None:
        """Bring back of what serves what cannot stand beside another release, and so was replaced already."""
        if serving and not self._tools.backend.complete(serving):
            self._tools.backend.start(serving, self._uncut)

    def _logs(self, state: State) -> str:
        release = self.record.restore if state is State.rolling_back else self.record.candidate
        if state in UNTOUCHED or release is None:
            return ""
        try:
            return self._kept(self._tools.backend.logs(release, KEPT_LINES))
        except Exception as error:  # noqa: BLE001 - a log that cannot be read must not stand in the restore's way
            return f"{UNREADABLE}: {error})"

    def _kept(self, log: str) -> str:
        """Keep the log of what failed, and return its last lines."""
        if log:
            self._tools.logs.keep(self.record.id, log)
        return "\n".join(log.splitlines()[-LOG_LINES:])

    def _end_tag_file(self) -> None:
        try:
            settle_tag_file(self.record, self._tools.tag_file, self._tools.journal)
        except Exception as error:  # noqa: BLE001 - whether what serves is safe must be told all the same
            self._warn(f"the tag file is not up to date: {error}")

    def _take_back(self) -> None:
        """Leave no trace of a deployment that is refused."""
        put_back(self.record, self._tools.tag_file)
        for release_id in (self.record.id, f"{self.record.id}a"):
            self._tools.files.discard(release_id)
        self._tools.journal.discard(self.record)

    def _stack(self) -> Stack:
        return fold(self._tools.journal.ended())

    def _set(self, **changes: object) -> None:
        self.record = replace(self.record, **changes)  # type: ignore[arg-type]  # names are those of Record

    def _redact(self, text: str) -> str:
        return redacted(text, self._tools.backend.redact)

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
        case JournalError():
            return Failure(str(error), state, hint=error.hint)
        case _:
            return Failure(f"{type(error).__name__} in {state.name}: {error}", state)


def replaces(backend: Backend) -> bool | None:
    """Whether starting takes what served away; None where it takes some of it at a time."""
    if isinstance(backend, Gradual) and backend.gradual:
        return None
    return not backend.beside
