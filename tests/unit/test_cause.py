"""A cause outside the release is told as such: another release failed the same look."""

import pytest

from deploykit.cause import with_cause, with_last_words
from deploykit.errors import Outcome
from deploykit.events import Failed
from deploykit.record import Failure, Kind, Record
from deploykit.release import ImageRef
from deploykit.states import State
from tests.unit.world import World

DATABASE = "checks.database is false, not true"


def record(**fields: object) -> Record:
    given = {"number": 1, "engine": "", "project": "", "kind": Kind.deploy, "asked": ImageRef("web"), "started_at": 0.0}
    return Record(**{**given, **fields})  # type: ignore[arg-type]  # they are Record's


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"current_healthy": False, "current_reason": DATABASE}, f"failed its look too when this began ({DATABASE})"),
        ({"current_healthy": True}, ""),
        ({"current_healthy": None}, ""),
    ],
)
def test_what_served_before_failed_too(fields: dict[str, object], told: str) -> None:
    """With what it answered; nothing is said when it was healthy, or nothing served."""
    failure = with_cause(Failure("Health check failed after 60s", State.checking, detail=DATABASE), record(**fields))
    assert told in failure.hint
    assert bool(told) == bool(failure.hint)


def test_a_crash_is_the_releases_own() -> None:
    """Whatever else is wrong."""
    failure = Failure("exited with code 3", State.checking, dead=True)
    assert with_cause(failure, record(current_healthy=False, current_reason=DATABASE)) == failure


@pytest.mark.parametrize("dead", [True, False])
def test_an_image_for_another_platform_says_so_in_its_log(*, dead: bool) -> None:
    """The runtime's words, which it writes into the log of what it could not run; an app may write what it likes."""
    failure = with_last_words(
        Failure("exited with code 1", State.checking, dead=dead), "exec /app: exec format error\n"
    )
    assert ("another platform" in failure.hint) is dead
    assert failure.logs == "exec /app: exec format error\n"


def test_a_hint_that_is_there_stays() -> None:
    failure = Failure("Health check failed", State.checking, hint="Set Host.")
    assert with_cause(failure, record(current_healthy=False, current_reason="x")).hint.startswith(
        "Set Host. What served"
    )


@pytest.mark.parametrize(("answer", "same"), [(DATABASE, True), ("connection refused", False)])
def test_the_way_back_fails_in_the_same_way(answer: str, *, same: bool) -> None:
    """Then it is neither release."""
    tried = Failure("Health check failed after 60s", State.checking, detail=DATABASE)
    failure = with_cause(
        Failure("Health check failed after 60s", State.rolling_back, detail=answer), record(failure=tried)
    )
    assert ("look for a cause outside both" in failure.hint) is same


def test_a_database_that_goes_down_is_told() -> None:
    """A deploy over a release that is unhealthy itself, and one whose way back fails too."""
    world = World()
    world.good("one")
    world.backend.living()[0].behaviour = world.backend.release("one").turns_unhealthy(0).behaviour
    world.backend.release("two").turns_unhealthy(0)
    result = world.deploy("two")
    assert result.outcome is Outcome.restore_failed
    hints = [event.failure.hint for event in world.events if isinstance(event, Failed)]
    first = (
        "What served before failed its look too when this began (answers 500): look for a cause outside this release,"
        " such as the database."
    )
    assert hints == [first, "The release that failed got the same answer: look for a cause outside both."]
    assert first in " ".join(result.explain().split())
