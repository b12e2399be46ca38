"""What a deployment that failed has to say for itself: made here alone, from its row and its moves."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from deploykit.errors import Outcome
from deploykit.record import Change, Failure, Kind, Move, Record, ReleaseCommand, began
from deploykit.release import ImageRef, Release
from deploykit.states import State


class Migration(Enum):
    """What a release command, which may migrate a database, has done. `unknown`: it was killed with deploykit."""

    none = "none"
    not_run = "not_run"
    failed = "failed"
    cut = "cut"
    unknown = "unknown"
    finished = "finished"


class Outage(Enum):
    """How long nothing healthy served. `first`: nothing served before. `goes_on`: nothing healthy serves now either.

    `at_most`: the seconds are more than it was. `at_least`: what served before was not healthy to begin with.
    """

    none = "none"
    first = "first"
    exactly = "exactly"
    at_most = "at_most"
    at_least = "at_least"
    goes_on = "goes_on"
    unknown = "unknown"


@dataclass(frozen=True, slots=True)
class Serving:
    """What serves when it is over. `since` is in seconds since the epoch; `again`: it has served before that too.

    None: nothing does, or, with `healthy` None, it is not known what does.
    """

    release: Release | None = None
    healthy: bool | None = None
    since: float | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class Down:
    """How long nothing healthy served: `seconds` where they are known, `since` when it began."""

    outage: Outage
    seconds: float | None = None
    since: float | None = None


@dataclass(frozen=True, slots=True)
class Before:
    """What served when it began, and what the same probes said of it then: None when nobody asked."""

    release: Release
    healthy: bool | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A command that makes sense next: the verb, what follows it, and what it is for."""

    verb: str
    arguments: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The story of a deployment that failed. What is not known of it is None, or says so.

    `look_now`: nobody may go to sleep on it. `cut`: deploykit was killed in it, and another process went on.
    `changes` is what the release has other than the one before it. `log`: the deployment's id, where a log is kept.
    """

    id: str
    kind: Kind
    image: ImageRef
    state: State
    outcome: Outcome
    exit_code: int
    look_now: bool
    cut: bool
    failure: Failure | None
    restore_failure: Failure | None
    serving: Serving
    down: Down
    before: Before | None
    migration: Migration | None
    changes: Sequence[Change] | None
    log: str | None
    next: Sequence[Step]


_LOOK_NOW = {Outcome.restore_failed, Outcome.left_unhealthy, Outcome.no_target, Outcome.unfinished}
_WHOLE_LOG = "the whole log of what failed"


def report_of(record: Record, moves: Sequence[Move], *, previous: Release | None = None) -> Report:
    """Return the report of a deployment that did not end well. `previous` is what `rollback` would bring back."""
    outcome = record.outcome or Outcome.unfinished
    failures = [one for one in (record.failure, record.restore_failure) if one]
    log = record.id if any(one.has_log for one in failures) else None
    return Report(
        id=record.id,
        kind=record.kind,
        image=record.candidate.image if record.candidate else record.asked,
        state=record.state,
        outcome=outcome,
        exit_code=record.exit_code if record.outcome else outcome.exit_code,
        look_now=outcome in _LOOK_NOW,
        cut=record.resumed,
        failure=record.failure,
        restore_failure=record.restore_failure,
        serving=_serving(record, moves),
        down=_down(record, moves),
        before=Before(record.current, record.current_healthy, record.current_reason) if record.current else None,
        migration=_migration(record),
        changes=record.changes,
        log=log,
        next=_next(record, outcome, previous, [Step("logs", f"--of {log}", _WHOLE_LOG)] if log else []),
    )


def _serving(record: Record, moves: Sequence[Move]) -> Serving:
    if record.started and not record.ended:
        return Serving()
    if not record.started or record.beside:
        if record.current is None:
            return Serving(healthy=False if moves else None)  # without a move nobody has looked
        return Serving(record.current, record.current_healthy, record.current_since)
    if record.state is not State.rolled_back:
        return Serving(record.serving, healthy=False)
    again = _same(record.restore, record.current)
    if again and record.replaced is False:
        return Serving(record.restore, True, record.current_since)
    return Serving(record.restore, True, record.healthy_at, again)


def _same(one: Release | None, other: Release | None) -> bool:
    return one is not None and one.same_as(other)


def _down(record: Record, moves: Sequence[Move]) -> Down:
    since = began(moves)
    if not record.started or record.beside:
        return Down(Outage.none)
    if record.current is None:
        return Down(Outage.first)
    if record.replaced is False and record.state is State.rolled_back:
        return Down(Outage.none)
    if not record.ended or not record.replaced or since is None:
        return Down(Outage.unknown)
    if record.state is State.rolled_back:
        return _over(record, since)
    if _may_be_less(record) or record.current_healthy is False:
        return Down(Outage.goes_on)
    return _lasting(Outage.goes_on, since, record.finished_at)


def _over(record: Record, since: float) -> Down:
    less, more = _may_be_less(record), record.current_healthy is False
    if less and more:
        return Down(Outage.unknown)
    return _lasting(Outage.at_most if less else Outage.at_least if more else Outage.exactly, since, record.healthy_at)


def _lasting(outage: Outage, since: float, until: float | None) -> Down:
    if until is None or until < since:  # the clock of the machine was set back meanwhile
        return Down(Outage.unknown)
    return Down(outage, until - since, since)


def _may_be_less(record: Record) -> bool:
    """Whether what served may have gone on serving after starting began: that was not carried out, or cut by a kill."""
    failure = record.failure
    return record.resumed or failure is None or (failure.state is State.starting and not failure.dead)


def _migration(record: Record) -> Migration | None:
    if record.kind is Kind.rollback:
        return None  # going back runs no command
    match record.command:
        case None:
            return None
        case ReleaseCommand.none:
            return Migration.none
        case ReleaseCommand.waits:
            return Migration.not_run
        case ReleaseCommand.done:
            return Migration.finished
        case ReleaseCommand.begun if record.resumed or not record.ended:
            return Migration.unknown
        case ReleaseCommand.begun:
            return Migration.cut if record.interrupted else Migration.failed


def _next(record: Record, outcome: Outcome, previous: Release | None, logs: list[Step]) -> list[Step]:
    """Return the commands that make sense next. Where nobody knows that something serves, looking comes first."""
    look = Step("status", "", "what runs now")
    again = Step("history", record.id, "this page again")
    another = Step("run", "--tag TAG", "deploys one that works")
    match outcome:
        case Outcome.unfinished:
            return [look, Step("recover", "", "goes on with it"), *logs, again]
        case Outcome.restore_failed | Outcome.left_unhealthy if previous:
            force = "--force" if record.barrier else ""
            back = Step("rollback", force, f"brings back {previous.image.tag or previous.image.name} ({previous.id})")
            return [look, back, another, *logs, again]
        case Outcome.restore_failed | Outcome.left_unhealthy | Outcome.no_target:
            return [look, another, *logs, again]
        case _ if record.kind is Kind.rollback:
            return [*logs, Step("history", "", "what else there is to go back to"), again]
        case _ if record.interrupted or (record.resumed and not record.started):
            return [*logs, Step("run", f"--tag {record.asked.tag or 'TAG'}", "tries it again"), again]
        case _:
            return [*logs, Step("run", "--tag TAG", "when it is mended"), again]
