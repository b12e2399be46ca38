"""The last lines of a deployment: what came of it."""

from typing import get_args

import pytest

from deploykit.errors import Outcome
from deploykit.events import Finished
from deploykit.observers.ending import Level, ending, named
from deploykit.record import Kind
from deploykit.release import Release
from deploykit.states import State
from tests.unit.made import image, release

ENDS = {
    Outcome.deployed: State.healthy,
    Outcome.unchanged: State.healthy,
    Outcome.rolled_back: State.rolled_back,
    Outcome.interrupted: State.rolled_back,
    Outcome.unfinished: State.checking,
}
"""The state that an outcome comes with; failed for all others."""
ENDED = [outcome for outcome in Outcome if outcome not in {Outcome.held, Outcome.locked}]


def finished(outcome: Outcome, kind: Kind = Kind.deploy, **fields: object) -> Finished:
    given: dict[str, object] = {
        "state": ENDS.get(outcome, State.failed),
        "exit_code": outcome.exit_code,
        "image": image("two"),
        "release": release("two", 2),
        "serving": release("one"),
        "previous": release("zero"),
        "barrier": None,
        "failure": None,
        "duration": 12.34,
        **fields,
    }
    return Finished(id="r3", at=0, kind=kind, outcome=outcome, **given)  # type: ignore[arg-type]  # they are Finished's


def told(event: Finished) -> list[str]:
    return [text for _, text in ending(event)]


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("outcome", ENDED)
def test_what_the_page_tells_is_not_told_before_it(outcome: Outcome, kind: Kind) -> None:
    """What ended well, and where nothing good serves, has a verdict of one line; all else has the page alone."""
    lines = list(ending(finished(outcome, kind)))
    assert all(level in get_args(Level) and text and "\n" not in text for level, text in lines)
    verdicts = [text for _, text in lines if not text.endswith("completed successfully")]
    assert len(verdicts) == (outcome.exit_code in {0, 3, 4})


@pytest.mark.parametrize("outcome", ENDED)
def test_somebody_is_told_to_look_exactly_when_they_must(outcome: Outcome) -> None:
    """LOOK NOW stands for exit 3, as an error; where there was nothing to go back to it is an error too."""
    level, text = next(ending(finished(outcome)), ("info", ""))
    assert ("LOOK NOW" in text) is (outcome.exit_code == 3)
    assert (level == "error") is (outcome.exit_code in {3, 4})


@pytest.mark.parametrize("kind", Kind)
def test_a_good_ending_is_said_last(kind: Kind) -> None:
    """The runbook's line, for each kind."""
    done = {Kind.deploy: "Deploy completed successfully", Kind.rollback: "Rollback completed successfully"}
    for outcome in (Outcome.deployed, Outcome.unchanged):
        assert told(finished(outcome, kind))[-1] == done[kind]


def test_a_deploy_that_was_restored_ends_with_the_runbook_s_line() -> None:
    """A restored rollback does not: it is the rollback that failed."""
    assert told(finished(Outcome.rolled_back)) == ["Rollback completed successfully"]
    assert told(finished(Outcome.rolled_back, Kind.rollback)) == []


@pytest.mark.parametrize("state", [State.pulling, State.starting, State.promoting, State.rolling_back])
def test_an_unfinished_deployment_says_where_it_is(state: State) -> None:
    """That is where `recover` goes on."""
    assert told(finished(Outcome.unfinished, state=state))[0].endswith(f"r3 is not finished, it is in {state.name}")


def test_a_release_is_called_by_name_and_id() -> None:
    """What deploykit did not start has no id; nothing is nothing."""
    assert named(release("one", 7)) == "example.com/team/web:one (r7)"
    assert named(Release("", image("one"))) == "example.com/team/web:one"
    assert named(None) == "nothing"
