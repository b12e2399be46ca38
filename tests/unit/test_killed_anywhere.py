"""SIGKILL before every change that anything makes, and then before every change of the recovery too.

What a kill leaves differs only between calls that change something, so the moments before each, and those in the middle
of a start or a promotion of several instances, are all that there are.
"""

import itertools
from collections.abc import Callable, Iterator

import pytest

from deploykit.errors import DeploykitError
from tests.unit.scenarios import DEPLOYS, MORE, ROLLBACKS, Scenario, agree, kill
from tests.unit.world import World

Note = Callable[[str, object], None]
THEN: dict[str, Callable[[World], object]] = {
    "recover": lambda world: world.recover(),
    "run": lambda world: world.deploy("four"),
    "rollback": lambda world: world.rollback(),
}


def worlds_after_a_kill(scenario: Scenario) -> Iterator[World]:
    """Yield the world after a kill at each moment of a scenario."""
    for number in itertools.count():
        killed = kill(scenario, number)
        if not killed:
            return
        yield killed[0][0]


def settled(world: World, scenario: Scenario) -> None:
    """Assert that all agrees, and that what serves is one of those that may."""
    agree(world)
    assert set(world.serves) <= {"zero", "one", "two", "three", "four"}
    if scenario.bad and not (scenario.kept or "left" in scenario.title or "irreversible" in scenario.title):
        assert scenario.first or "three" not in world.serves


def serves_all_along(world: World, scenario: Scenario) -> None:
    """Rolling: whenever it is killed, either the old or the new release stands there with all its instances."""
    if scenario.rolling:
        whole = world.backend.replicas
        assert any(world.serves.count(tag) >= whole for tag in set(world.serves)), world.serves


@pytest.mark.parametrize("then", THEN)
@pytest.mark.parametrize("scenario", MORE, ids=str)
def test_a_kill_at_every_moment(scenario: Scenario, then: str, record_property: Note) -> None:
    """Whatever is typed next ends in a state in which everything agrees."""
    count = 0
    for world in worlds_after_a_kill(scenario):
        serves_all_along(world, scenario)
        try:
            THEN[then](world)
        except DeploykitError:
            assert then == "rollback"  # there is nothing to go back to
        world.recover()
        settled(world, scenario)
        count += 1
    record_property("cases", count)
    assert count > 5


@pytest.mark.parametrize("scenario", [*DEPLOYS[2:4], DEPLOYS[8], ROLLBACKS[0], MORE[5]], ids=str)
def test_a_second_kill_at_every_moment_of_the_recovery(scenario: Scenario, record_property: Note) -> None:
    """Exhaustively: each moment of the deployment, and for each of them each of what `recover` then does."""
    count = 0
    for world in worlds_after_a_kill(scenario):
        serves_all_along(world, scenario)
        for number in itertools.count():
            again = world.copy()
            if again.killed_at(number, again.recover) is None:
                break
            serves_all_along(again, scenario)
            again.recover()
            settled(again, scenario)
            count += 1
    record_property("cases", count)
    assert count > 30
