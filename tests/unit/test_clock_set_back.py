"""A clock that is set back, before a deployment or in the middle of it, changes nothing but what it is called."""

import pytest

from deploykit.errors import Outcome
from tests.unit.scenarios import agree
from tests.unit.world import World

YEAR = 365 * 86400.0


def set_back(world: World) -> None:
    """Only what the time is called: the seconds that pass go on."""
    world.clock._epoch -= YEAR


@pytest.mark.parametrize("call", ["journal.begin", "backend.pull", "backend.start", "backend.watch", "files.keep"])
@pytest.mark.parametrize("bad", [False, True], ids=["good", "bad"])
def test_in_the_middle_of_a_deploy(call: str, *, bad: bool) -> None:
    """It ends as it would have, the order of the history is that of its numbers, and going back goes one back."""
    world = World()
    world.good("one", "two")
    if bad:
        world.backend.release("three").crashes()
    world.when(call, "before", lambda: set_back(world))
    result = world.deploy("three")
    assert result.outcome is (Outcome.rolled_back if bad else Outcome.deployed)
    agree(world)
    assert world.rollback().exit_code == 0
    assert world.serves == ["one" if bad else "two"]
    assert [row.number for row in world.rows] == [4, 3, 2, 1]


def test_while_what_was_killed_waits_for_its_recovery() -> None:
    """It is finished all the same."""
    world = World()
    world.good("one")
    world.killed_in("checking", lambda: world.deploy("two"))
    set_back(world)
    assert world.recover()
    agree(world)
    assert world.serves == ["two"]
