"""The loop over the machine: each state's work is done, what it says moves on, and each move is in the journal."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType

from deploykit.deployment.course import Course, Tools
from deploykit.deployment.ending import end_tag_file, outcome_of, run_last_hooks, take_back, tidy_up
from deploykit.deployment.failing import fail, failure_of
from deploykit.deployment.going_back import rolling_back
from deploykit.deployment.going_live import checking, preparing, promoting, starting
from deploykit.deployment.looking import pending, saved
from deploykit.deployment.pulling import pulling
from deploykit.differences import changes
from deploykit.errors import ConfigError, EngineUnreachable, Interrupted, JournalError, LockLost, Outcome
from deploykit.events import Moved
from deploykit.machine import DeploymentMachine
from deploykit.record import Failure, Kind, Move, Record
from deploykit.states import UNTOUCHED, State, Trigger
from deploykit.targets import restorable

ENGINE_WAIT = 60.0
"""Seconds that an engine which went away is waited for, from `starting` on."""
_ENGINE_POLL = 0.5

HANDLERS: Mapping[State, Callable[[Course], Trigger]] = MappingProxyType(
    {
        State.pending: pending,
        State.saved: saved,
        State.pulling: pulling,
        State.preparing: preparing,
        State.starting: starting,
        State.checking: checking,
        State.promoting: promoting,
        State.rolling_back: rolling_back,
    }
)
"""Each does the work of its state, and says how to go on."""


class EngineGone(Exception):
    """The engine stayed away; the row is left as it is, for `recover`."""


class Deployment:
    """Runs a deployment from the state that its record is in to its end. Every move is in the journal before its work.

    `give_up`: a deploy that is found in starting or checking is not gone on with: it fails, and what served comes back.
    """

    def __init__(self, record: Record, tools: Tools, *, give_up: bool = False) -> None:
        self._course = Course(record, tools)
        self._machine = DeploymentMachine(record.state, lambda: restorable(self.record))
        self._give_up = give_up

    @property
    def record(self) -> Record:
        """What it has come to so far."""
        return self._course.record

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
        run_last_hooks(self._course)
        return self.record

    def finish(self) -> Record:
        """Finish a deployment whose process died. Raises as `run`."""
        with self._losing_the_lock():
            self._take_up()
        return self.run()

    def tidy_up(self) -> None:
        """Let go of what an ended deployment needs no more. Idempotent; never raises."""
        tidy_up(self._course)

    def _take_up(self) -> None:
        state = self._machine.state
        self._course.set(resumed=True)
        if state in UNTOUCHED:
            summary = f"Abandoned in {state.name}: deploykit was killed; nothing was replaced"
            self._fire(fail(self._course, Failure(summary, state)))
        elif self._give_up and self.record.kind is Kind.deploy and state in {State.starting, State.checking}:
            summary = f"Given up in {state.name}: deploykit was killed, and a rollback was asked for"
            self._fire(fail(self._course, Failure(summary, state)))

    @contextmanager
    def _losing_the_lock(self) -> Iterator[None]:
        try:
            yield
        except LockLost as error:  # whoever has it now finishes the row: not one command more from here
            self._course.warn(str(error))
            self._course.set(outcome=Outcome.unfinished)
            raise EngineGone(str(error)) from error

    def _attempt(self) -> Trigger:
        course, state = self._course, self._machine.state
        patience = ENGINE_WAIT
        while True:
            try:
                return self._work(state)
            except Interrupted:
                self._check_lock()
                cause = course.control.interruption.cause
                course.set(interrupted=cause)
                return fail(course, Failure(f"Interrupted by {cause.value} in {state.name}", state))
            except EngineUnreachable as error:
                if state in UNTOUCHED:
                    return fail(course, failure_of(error, state))
                patience = self._await_engine(error, patience)
            except LockLost:
                raise
            except Exception as error:  # whatever goes wrong, what served must come back
                if isinstance(error, ConfigError) and state in UNTOUCHED:
                    take_back(course)
                    raise
                return fail(course, failure_of(error, state))

    def _work(self, state: State) -> Trigger:
        if state in UNTOUCHED or state is State.starting:
            self._course.control.interruption.check()
        return HANDLERS[state](self._course)

    def _check_lock(self) -> None:
        """Raise LockLost when that is why to stop: nobody has interrupted it then."""
        with suppress(ConfigError, EngineUnreachable):
            self._course.control.guard()

    def _await_engine(self, error: EngineUnreachable, patience: float) -> float:
        """Return what is left of the patience when the engine answers again."""
        clock = self._course.tools.clock
        self._course.warn(f"{error}; waiting for it for up to {patience:g}s")
        deadline = clock.now() + patience
        while clock.now() < deadline:
            clock.sleep(_ENGINE_POLL)
            with suppress(Exception):  # whatever it says instead of who it is, it is not back yet
                self._course.tools.backend.identity()
                return deadline - clock.now()
        raise EngineGone(str(error)) from error

    def _fire(self, trigger: Trigger) -> None:
        course, source = self._course, self._machine.state
        target = self._machine.fire(trigger)
        course.set(
            state=target,
            prepared=self.record.prepared or target is State.preparing,
            started=self.record.started or target is State.starting,
        )
        if self._machine.ended:
            self._end()
        self._commit(Move(course.tools.clock.time(), source, trigger, target))
        course.notify(Moved, trigger=trigger, source=source, target=target)

    def _end(self) -> None:
        course = self._course
        if not self.record.good:
            old, new = self.record.current, self.record.candidate
            course.set(changes=changes(old, new, course.tools.files, course.redact))
        course.set(outcome=outcome_of(self.record), finished_at=course.tools.clock.time())
        end_tag_file(course)

    def _commit(self, move: Move) -> None:
        course = self._course
        try:
            course.tools.journal.update(self.record, move)
        except JournalError as error:
            if move.target in UNTOUCHED or move.target is State.starting:
                with suppress(JournalError):
                    take_back(course)
                raise
            # What serves comes first: the restore is carried out, and the exit code tells of the journal.
            course.unwritten = error
            course.warn(str(error))
        if course.unwritten and self._machine.ended and self.record.started:
            course.set(outcome=Outcome.unfinished)
