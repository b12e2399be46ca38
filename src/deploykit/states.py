"""The states of a deployment and the one table that says how it moves between them."""

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """Where a deployment is: the step of that name is about to run, or may have run."""

    pending = "pending"
    saved = "saved"
    pulling = "pulling"
    preparing = "preparing"
    starting = "starting"
    checking = "checking"
    promoting = "promoting"
    rolling_back = "rolling_back"
    healthy = "healthy"
    rolled_back = "rolled_back"
    failed = "failed"


class Trigger(Enum):
    """What a finished step says: the way on from its state."""

    save = "save"
    pull = "pull"
    prepare = "prepare"
    start = "start"
    check = "check"
    promote = "promote"
    accept = "accept"
    fail = "fail"
    restore = "restore"


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the table.

    `restorable` is the row's guard: True, only when there is a restore target and going back to it is allowed; False,
    only when not; None, in any case. `when` is for people: the diagram shows it.
    """

    trigger: Trigger
    sources: tuple[State, ...]
    target: State
    when: str = ""
    restorable: bool | None = None


_T, _S = Trigger, State

TRANSITIONS: tuple[Transition, ...] = (
    Transition(_T.save, (_S.pending,), _S.saved),
    Transition(_T.pull, (_S.saved,), _S.pulling),
    Transition(_T.prepare, (_S.pulling,), _S.preparing, "a rehearsal or a release command is to be done"),
    Transition(_T.start, (_S.pulling, _S.preparing), _S.starting),
    Transition(_T.check, (_S.starting,), _S.checking),
    Transition(_T.promote, (_S.checking,), _S.promoting, "older instances still run"),
    Transition(_T.accept, (_S.pulling,), _S.healthy, "the same release serves and is healthy, and no --force"),
    Transition(_T.accept, (_S.checking, _S.promoting), _S.healthy, "all instances are healthy"),
    Transition(_T.fail, (_S.starting, _S.checking), _S.rolling_back, "there is a way back", restorable=True),
    Transition(_T.fail, (_S.starting, _S.checking), _S.failed, "there is no way back", restorable=False),
    Transition(_T.fail, (_S.pending, _S.saved, _S.pulling, _S.preparing, _S.rolling_back), _S.failed),
    Transition(_T.restore, (_S.rolling_back,), _S.rolled_back),
)

INITIAL = State.pending
TERMINAL = frozenset({State.healthy, State.rolled_back, State.failed})
UNTOUCHED = frozenset({State.pending, State.saved, State.pulling, State.preparing})
"""States in which nothing that serves has been replaced yet."""
