"""What a deployment came to, for scripts and for people."""

from dataclasses import FrozenInstanceError, replace

import pytest

from deploykit.errors import DeploymentFailed, Outcome
from deploykit.interrupt import Cause
from deploykit.page import page
from deploykit.record import Failure, Move
from deploykit.result import Result, result_of
from deploykit.states import State, Trigger
from tests.unit.made import image, release, row

FAILURE = Failure(
    "Health check failed after 60s", State.checking, detail="answers 500", logs="ImportError: x", hint="h"
)
ENDED = [outcome for outcome in Outcome if outcome not in {Outcome.held, Outcome.locked}]


def result(outcome: Outcome | None = Outcome.rolled_back, **fields: object) -> Result:
    given: dict[str, object] = {
        "state": State.rolled_back,
        "asked": image("two"),
        "candidate": release("two", 2),
        "restore": release("one"),
        "failure": FAILURE,
        "finished_at": 11.0,
        **fields,
    }
    return result_of(row(2, outcome=outcome, **given), [], now=99.0, previous=release("zero"))  # type: ignore[arg-type]  # Record's


def test_a_failure_is_explained_by_its_page() -> None:
    """The one that the CLI ends with: tests/unit/test_page.py tells what is on it."""
    came = result()
    assert came.report is not None
    assert came.explain().splitlines() == page(came.report)
    assert came.explain().startswith("r2: example.com/team/web:two failed, and what served before serves")


def test_the_report_of_a_success_is_short() -> None:
    """Nothing failed, so nothing is said of it."""
    good = result(Outcome.deployed, state=State.healthy, failure=None)
    assert replace(good, previous=None).explain().splitlines() == [
        "r2: example.com/team/web:two was deployed.",
        "  serves now: example.com/team/web:two",
    ]


@pytest.mark.parametrize("outcome", ENDED)
def test_every_outcome_has_words_and_a_name(outcome: Outcome) -> None:
    """The report names the deployment and its image."""
    assert "r2: example.com/team/web:two" in result(outcome).explain()


@pytest.mark.parametrize("outcome", ENDED)
def test_a_script_can_have_it_raise(outcome: Outcome) -> None:
    """DeploymentFailed, with report, code and hint, exactly when the release asked for does not serve."""
    came = result(outcome)
    assert came.ok is (outcome in {Outcome.deployed, Outcome.unchanged})
    if came.ok:
        came.raise_for_outcome()
        return
    with pytest.raises(DeploymentFailed) as caught:
        came.raise_for_outcome()
    assert (caught.value.exit_code, str(caught.value), caught.value.hint) == (outcome.exit_code, came.explain(), "h")


def test_what_fails_without_a_failure_has_no_hint() -> None:
    """An unfinished deployment, say."""
    with pytest.raises(DeploymentFailed) as caught:
        result(None, state=State.checking, failure=None).raise_for_outcome()
    assert (caught.value.exit_code, caught.value.hint) == (3, "")


def test_a_deployment_that_has_not_ended_is_unfinished() -> None:
    """Exit 3; what serves is not known, and time goes on."""
    came = result(None, state=State.checking, started=True, finished_at=None)
    assert (came.outcome, came.exit_code, came.finished, came.serving) == (Outcome.unfinished, 3, False, None)
    assert came.duration == 97.0
    assert came.explain().startswith("LOOK NOW: it is not known what serves")


def test_a_deployment_that_ended_is_told_by_its_record() -> None:
    """Its seconds, its signal's exit code, and its moves."""
    moves = [Move(1.0, State.pending, Trigger.save, State.saved)]
    record = row(2, outcome=Outcome.interrupted, interrupted=Cause.sigterm, state=State.rolled_back, finished_at=5.5)
    came = result_of(record, moves, now=99.0)
    assert (came.exit_code, came.duration, came.transitions, came.finished) == (143, 3.5, moves, True)
    assert result_of(record, moves, now=99.0, exit_code=0).exit_code == 0


def test_before_the_pull_the_image_is_the_one_asked_for() -> None:
    """Then the one that came."""
    assert result(candidate=None).image == image("two")
    assert result(candidate=None).release is None
    assert result(asked=image("asked")).image == release("two", 2).image


def test_a_result_cannot_be_changed() -> None:
    """It is what happened."""
    with pytest.raises(FrozenInstanceError):
        result().exit_code = 0  # type: ignore[misc]  # that is the point
