"""A signal at every moment of every kind of deployment: what serves is made safe, and the exit code says who did it."""

import itertools
from collections.abc import Callable

import pytest

from deploykit.errors import Outcome
from deploykit.interrupt import Cause, Interruption
from deploykit.result import Result
from tests.unit.scenarios import DEPLOYS, MORE, ROLLBACKS, Scenario, agree
from tests.unit.world import World

STOPPED = {Outcome.interrupted}
WENT_ON = {Outcome.deployed, Outcome.unchanged, Outcome.untouched, Outcome.rolled_back, Outcome.no_target}
LEFT = {Outcome.left_unhealthy, Outcome.restore_failed}


def stopped_at(scenario: Scenario, number: int, cause: Cause) -> tuple[World, Result] | None:
    """Run a scenario in which the signal comes at its moment of that number; None when it has fewer."""
    world = scenario.world()
    interruption = Interruption()
    results: list[Result] = []

    def act() -> None:
        if scenario in ROLLBACKS:
            results.append(world.rollback(cancel=interruption))
        else:
            results.append(world.deploy("three", cancel=interruption))

    if world.at(number, act, lambda: interruption.request(cause)) is None:
        return None
    return world, results[0]


@pytest.mark.parametrize("cause", Cause)
@pytest.mark.parametrize("scenario", [*DEPLOYS, *ROLLBACKS, *MORE[:5]], ids=str)
def test_a_signal_at_every_moment(
    scenario: Scenario, cause: Cause, record_property: Callable[[str, object], None]
) -> None:
    """It is stopped, 130 or 143, or had come too late to be: then it ended as it would have."""
    outcomes, number = set(), 0
    for number in itertools.count():
        stopped = stopped_at(scenario, number, cause)
        if stopped is None:
            break
        world, result = stopped
        agree(world)
        outcomes.add(result.outcome)
        if result.outcome in STOPPED:
            assert result.exit_code == cause.exit_code
            assert "three" not in world.serves
        assert world.recover() is None
    record_property("cases", number)
    assert outcomes & STOPPED
    assert outcomes <= STOPPED | WENT_ON | LEFT
