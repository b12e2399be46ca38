"""What `run` would do is told, and nothing is done."""

import pytest

from deploykit.errors import EngineUnreachable
from deploykit.plan import Plan
from tests.unit.world import CHANGING, World, name


def planned(world: World, tag: str, **options: object) -> Plan:
    """Plan, and make sure that nothing was changed."""
    before = len(world.moments.calls)
    plan = world.app.plan(tag, **options)  # type: ignore[arg-type]  # they are App.plan's
    assert not CHANGING & set(world.moments.calls[before:])
    return plan


def test_a_deploy_over_a_good_release() -> None:
    """What it replaces, and what a failure goes back to."""
    world = World()
    world.good("one")
    plan = planned(world, "two")
    assert (name(plan.serving), name(plan.restore), plan.unchanged, plan.image) == ("one", "one", False, None)
    assert [one.release for one in plan.instances] == ["r1"]


def test_it_says_what_the_deploy_then_does() -> None:
    """The way back of the plan is that of the deployment, whatever was deployed before."""
    world = World()
    world.backend.release("bad").crashes()
    for tag in ("one", "two", "bad", "two", "one"):
        plan = planned(world, tag)
        world.deploy(tag)
        assert name(plan.restore) == name(world.last.restore), tag


def test_a_first_deploy_has_nothing_to_go_back_to() -> None:
    """Nothing serves, and nothing was good before."""
    plan = planned(World(), "one")
    assert (plan.serving, plan.restore, plan.instances) == (None, None, ())


def test_the_same_content_moves_nothing() -> None:
    """Unless it is forced."""
    world = World()
    world.good("one")
    assert planned(world, "one").unchanged
    assert not planned(world, "one", force=True).unchanged


def test_what_was_started_by_hand_is_what_a_failure_goes_back_to() -> None:
    """It has no id yet."""
    world = World()
    world.backend.serving("zero")
    plan = planned(world, "one")
    assert (name(plan.restore), plan.restore and plan.restore.id) == ("zero", "")


def test_going_back_may_be_switched_off() -> None:
    """Then there is nothing that a failure goes back to."""
    world = World()
    world.good("one")
    assert planned(world, "two", rollback=False).restore is None


def test_an_irreversible_release_is_told() -> None:
    """A failure would not go back across it."""
    world = World()
    world.good("one", "two")
    assert name(planned(world, "two", irreversible=True, force=True).serving) == "two"
    world.deploy("two", irreversible=True, force=True)
    world.good("three")
    world.backend.kill()
    assert name(planned(world, "four").restore) == "three"


@pytest.mark.parametrize("strategy", ["recreate", "rolling"])
def test_it_says_whether_new_instances_stand_beside_the_old(strategy: str) -> None:
    world = World()
    world.backend.strategy = strategy  # type: ignore[assignment]
    assert planned(world, "one").beside is (strategy == "rolling")


def test_content_that_failed_last_time_is_told_first() -> None:
    """By the plan, and by the deploy before anything is replaced; not when it became good since."""
    world = World()
    world.good("one")
    world.backend.release("two").crashes()
    world.deploy("two")
    assert (failed := planned(world, "two").failed)
    assert failed.id == "r2"
    world.deploy("two")
    (told,) = world.warnings()
    assert told.startswith("this content failed when it was last tried, in r2: ")
    world.backend.push("two")
    world.deploy("two")
    assert world.warnings() == [told]


def test_content_that_was_good_later_is_not_told() -> None:
    """The last time counts."""
    world = World()
    world.good("one")
    world.backend.release("two").crashes()
    world.deploy("two")
    world.backend.release("two").good()
    world.good("two", "one")
    assert planned(world, "two").failed is None


def test_no_engine_is_an_error() -> None:
    world = World()
    world.backend.goes_away()
    with pytest.raises(EngineUnreachable):
        world.app.plan("one")
