"""One deployment, as the journal keeps it: what serves now that it has ended, and its exit code."""

from dataclasses import replace

import pytest

from deploykit.errors import Outcome
from deploykit.interrupt import Cause
from deploykit.record import Failure, Kind
from deploykit.release import Release
from deploykit.states import TERMINAL, State
from tests.unit.made import release, row

CURRENT, CANDIDATE, RESTORE = release("current"), release("candidate", 2), release("restore", 3)
FAILURE = Failure("it broke", State.checking)


@pytest.mark.parametrize("state", State)
def test_a_deployment_has_ended_in_a_terminal_state(state: State) -> None:
    """And is good in one of them alone."""
    assert row(state=state).ended is (state in TERMINAL)
    assert row(state=state).good is (state is State.healthy)


@pytest.mark.parametrize(
    ("state", "started", "restore_failure", "serving"),
    [
        (State.healthy, True, None, CANDIDATE),
        (State.healthy, False, None, CANDIDATE),
        (State.failed, False, None, CURRENT),
        (State.rolled_back, True, None, RESTORE),
        (State.failed, True, FAILURE, RESTORE),
        (State.failed, True, None, CANDIDATE),
    ],
    ids=["deployed", "unchanged", "untouched", "rolled_back", "restore_failed", "left"],
)
def test_what_serves_after_it(state: State, started: bool, restore_failure: Failure | None, serving: Release) -> None:
    """The release of record: of a failed restore that which it tried to bring back."""
    record = row(
        state=state,
        started=started,
        current=CURRENT,
        candidate=CANDIDATE,
        restore=RESTORE,
        failure=None if state is State.healthy else FAILURE,
        restore_failure=restore_failure,
    )
    assert record.serving == serving


def test_nothing_serves_after_a_first_deploy_that_was_never_started() -> None:
    """There was nothing before it."""
    assert row(state=State.failed, candidate=CANDIDATE).serving is None


@pytest.mark.parametrize("outcome", Outcome)
def test_the_exit_code_is_that_of_the_outcome(outcome: Outcome) -> None:
    """An interrupt has the code of its signal."""
    record = row(state=State.failed, outcome=outcome)
    assert record.exit_code == outcome.exit_code
    interrupted = replace(record, interrupted=Cause.sigterm)
    assert interrupted.exit_code == (143 if outcome is Outcome.interrupted else outcome.exit_code)


def test_what_has_not_ended_has_no_exit_code() -> None:
    """Nobody may take it for a success."""
    with pytest.raises(ValueError, match="r1 has not ended"):
        assert row(state=State.checking).exit_code


def test_its_id_is_an_r_and_its_number() -> None:
    """A bare number can be a tag."""
    assert row(12, Kind.rollback).id == "r12"
