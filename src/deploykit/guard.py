"""Guards what serves, with the lock free: when it turns unhealthy, takes the lock and rolls back."""

from contextlib import suppress
from dataclasses import dataclass, field, replace

from deploykit.bake import FAILING_LOOKS, Bake, Seen
from deploykit.current import identify
from deploykit.deployment import ENGINE_WAIT, KEPT_LINES, LOG_LINES
from deploykit.differences import changes
from deploykit.errors import ConfigError, DeploykitError, EngineUnreachable, Interrupted, Locked, NoSuchRelease, Outcome
from deploykit.events import Event, Failed, Faltered, LogRead, Warned, WatchEnded, Watching
from deploykit.fallen import report_of_fallen
from deploykit.interrupt import Interruption
from deploykit.protocols import Identity, Journal
from deploykit.record import Failure, Kind, Options, Record
from deploykit.redact import redacted
from deploykit.release import Release
from deploykit.result import Result
from deploykit.session import Parts, Session, finished_event, open_session
from deploykit.stack import barrier, fold, rollback_target
from deploykit.states import State

_TURN = 1.0
"""Seconds to wait for the lock before it is asked again whether another deployment has begun."""
_ENGINE_POLL = 0.5
_BY_HAND = "r0a"
"""The id of what somebody started by hand and is only watched: no deployment has that number."""


def guard_deployed(
    parts: Parts, identity: Identity, result: Result, options: Options, interruption: Interruption
) -> Result:
    """Guard what a deploy has taken live, for `bake` seconds."""
    assert result.release is not None  # noqa: S101 - it was deployed
    terms = Terms(seconds=parts.health.bake, by=options.by, auto=options.auto, force=options.force)
    number = int(result.id.removeprefix("r"))
    return Guard(parts, identity, interruption, result.release, number, result, terms).run()


def guard_serving(parts: Parts, seconds: float | None, by: str, interruption: Interruption) -> Result:
    """Guard what serves now, for that many seconds, or until it is told to stop.

    Raises:
        NoSuchRelease: nothing runs.
        ConfigError, EngineUnreachable: nothing began.
    """
    identity = parts.backend.identity()
    journal = parts.state.journal_to_read(identity)
    try:
        result, number = _serving(parts, journal)
    finally:
        journal.close()
    terms = Terms(seconds=float("inf") if seconds is None else seconds, by=by, by_hand=True)
    assert result.release is not None  # noqa: S101 - it serves
    return Guard(parts, identity, interruption, result.release, number, result, terms).run()


def _serving(parts: Parts, journal: Journal) -> tuple[Result, int]:
    """Return what serves as a result, and the number of the last deployment."""
    running = parts.backend.running()
    if running is None:
        raise NoSuchRelease("nothing runs that could be watched", hint="`deploykit run --tag TAG` deploys.")
    release = identify(running, journal, parts.state.files, parts.backend.snapshot, _BY_HAND)
    last = journal.last()
    outcome = Outcome.unchanged
    result = Result(
        id=last.id if last else "",
        kind=Kind.deploy,
        image=release.image,
        outcome=outcome,
        state=State.healthy,
        exit_code=outcome.exit_code,
        release=release,
        serving=release,
        previous=rollback_target(fold(journal.ended()), release),
        barrier=None,
        failure=None,
        restore_failure=None,
        transitions=(),
        duration=0.0,
    )
    return result, last.number if last else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How it is guarded: for `seconds`; what becomes of it then. `by_hand`: by `watch`, not after a deploy.

    `auto`: it is gone back from; `force`, also across an irreversible release.
    """

    seconds: float
    by: str
    by_hand: bool = False
    auto: bool = True
    force: bool = False


@dataclass(slots=True)
class Guard:
    """Guards a release, as the deployment of that number left it. `result` is what it came to so far."""

    parts: Parts
    identity: Identity
    interruption: Interruption
    release: Release
    number: int
    result: Result
    terms: Terms
    _deadline: float | None = field(default=None, init=False)
    _back: Result | None = field(default=None, init=False)

    def run(self) -> Result:
        """Look on, go back if that must be, and tell how it ended.

        The result is that of the deployment unless it turned unhealthy: then its outcome, state and exit code are those
        of what came of that, `failure` is what was seen, and `serving` what serves now.
        """
        seen = self._watch()
        result = replace(self.result, duration=seen.elapsed) if self.terms.by_hand else self.result
        if seen.failure:
            result = self._reported(self._fallen(result, seen.failure))
        self.parts.notify(finished_event(result, self.parts.clock.time()))
        return result

    def _watch(self) -> Seen:
        terms = self.terms
        seconds = terms.seconds if terms.seconds < float("inf") else None
        self._notify(Watching, release=self.release, seconds=seconds, by_hand=terms.by_hand)
        bake = Bake(
            check=self.parts.check(self.identity.noun),
            release=self.release,
            seconds=terms.seconds,
            interruption=self.interruption,
            superseded=self._superseded,
            falter=self._faltered,
            away=self._away,
        )
        seen = bake.run()
        if seen.failure:
            seen = replace(seen, failure=self._told(seen.failure, seen.elapsed))
        self._notify(WatchEnded, sight=seen.sight, elapsed=seen.elapsed)
        return seen

    def _told(self, failure: Failure, elapsed: float) -> Failure:
        when = f"after {elapsed:.0f}s" if self.terms.by_hand else f"{elapsed:.0f}s after the deploy"
        summary = redacted(f"Turned unhealthy {when}: {failure.summary}", self.parts.backend.redact)
        failure = replace(failure, summary=summary)
        self._notify(Failed, failure=failure)
        with suppress(Exception):  # a log that cannot be read must not stand in the way
            failure = replace(failure, logs=self._kept(self.parts.backend.logs(self.release, KEPT_LINES)))
        if failure.logs:
            self._notify(LogRead, logs=failure.logs)
        return failure

    def _kept(self, log: str) -> str:
        """Keep the log of a deployment that is on record, and return its last lines."""
        if log and self._row_of_release():
            self.parts.state.logs.keep(self.result.id, log)
        return "\n".join(log.splitlines()[-LOG_LINES:])

    def _row_of_release(self) -> Record | None:
        """Return the deployment that took live what is watched: not that of another release, which failed since."""
        with suppress(ConfigError), self.parts.reading(self.identity) as journal:
            row = journal.get(self.number)
            return row if row and row.good and self.release.same_as(row.candidate) else None
        return None

    def _reported(self, result: Result) -> Result:
        """Return the result with its report, if what was watched has failed."""
        if result.failure is None:
            return result
        row = self._row_of_release()
        found = changes(row.current, row.candidate, self.parts.state.files, self.parts.backend.redact) if row else None
        return replace(result, report=report_of_fallen(result, row, self._back, found))

    def _fallen(self, result: Result, failure: Failure) -> Result:
        """Return what comes of a release that has turned unhealthy."""
        if not self.terms.auto:
            return _ended(result, Outcome.left_unhealthy, failure=failure)
        try:
            return self._go_back(replace(result, failure=failure))
        except Interrupted:
            why = Failure(f"Interrupted by {self.interruption.cause.value} before going back began", State.pending)
        except DeploykitError as error:
            why = Failure(str(error), State.pending, hint=error.hint)
        self._notify(Failed, failure=why)
        return _ended(result, Outcome.restore_failed, failure=failure, restore_failure=why)

    def _go_back(self, result: Result) -> Result:
        """Take the lock, and roll back; leave it all to another deployment that has begun meanwhile."""
        while True:
            try:
                with open_session(
                    self.parts, f"rollback from {result.image.name}", _TURN, self.interruption
                ) as session:
                    return self._rolled_back(session, result)
            except Locked:
                if self._superseded():
                    return self._left_to_another(result)
            except EngineUnreachable:
                if not self._patient():
                    raise

    def _rolled_back(self, session: Session, result: Result) -> Result:
        if self._superseded():
            return self._left_to_another(result)
        target = rollback_target(session.stack(), self.release)
        if target is None:
            return _ended(result, Outcome.no_target, previous=None)
        between = None if self.terms.force else barrier(session.journal.records(), target)
        if between:
            return _ended(result, Outcome.left_unhealthy, barrier=between, previous=target)
        self._back = session.begin(self._row(target, result))
        return _came_to(result, self._back)

    def _left_to_another(self, result: Result) -> Result:
        self._notify(Warned, text="another deployment has begun meanwhile: going back is left to it")
        return replace(result, failure=None)

    def _row(self, target: Release, result: Result) -> Record:
        why = result.failure.summary if result.failure else ""
        options = Options(message=f"{result.image.name}: {why}", by=self.terms.by, force=self.terms.force)
        rollback = Record(
            number=0, engine="", project="", kind=Kind.rollback, asked=target.image, started_at=0.0, options=options
        )
        return replace(rollback, candidate=target)

    def _superseded(self) -> bool:
        """Whether another deployment has begun, or one that was killed is to be finished first."""
        with suppress(ConfigError, EngineUnreachable):
            journal = self.parts.state.journal_to_read(self.identity)
            try:
                last = journal.last()
                return (last.number if last else 0) != self.number or journal.unfinished() is not None
            finally:
                journal.close()
        return False

    def _patient(self) -> bool:
        """Wait a moment for the engine, unless it has been waited for long enough."""
        clock = self.parts.clock
        self._deadline = self._deadline or clock.now() + ENGINE_WAIT
        clock.sleep(_ENGINE_POLL)
        return clock.now() < self._deadline

    def _faltered(self, elapsed: float, failing: int, reason: str) -> None:
        self._notify(Faltered, elapsed=elapsed, failing=failing, enough=FAILING_LOOKS, reason=reason)

    def _away(self, error: EngineUnreachable) -> None:
        self._notify(Warned, text=f"{error}; what serves is looked at again when it answers")

    def _notify(self, event: type[Event], **fields: object) -> None:
        self.parts.notify(event(id=self.result.id, at=self.parts.clock.time(), **fields))


def _came_to(result: Result, back: Result) -> Result:
    """Return what a release that turned unhealthy came to by a rollback."""
    match back.outcome:
        case Outcome.deployed | Outcome.unchanged:
            outcome = Outcome.rolled_back
        case Outcome.unfinished:
            outcome = Outcome.unfinished
        case _:
            outcome = Outcome.restore_failed
    ended = _ended(result, outcome, serving=back.serving, previous=back.previous, restore_failure=back.failure)
    return ended if back.finished else replace(ended, state=back.state)


def _ended(result: Result, outcome: Outcome, **changes: object) -> Result:
    state = State.rolled_back if outcome is Outcome.rolled_back else State.failed
    ended = replace(result, outcome=outcome, state=state, exit_code=outcome.exit_code)
    return replace(ended, **changes)  # type: ignore[arg-type]  # names are those of Result
