"""How long a release has served, as far as the history tells."""

from deploykit.events import GoingBack
from tests.unit.world import World

HOUR = 3600.0


def going_back(world: World, to: str | None = None) -> GoingBack:
    """Roll back, and return what was told of it at its beginning."""
    world.events.clear()
    world.rollback(to)
    (event,) = world.heard(GoingBack)
    assert isinstance(event, GoingBack)
    return event


def test_a_rollback_tells_how_long_each_has_served() -> None:
    """The one that it leaves until now; the one that it brings back until it was replaced."""
    world = World()
    began = world.clock.time()
    world.good("one", "two")
    world.clock.advance(10 * HOUR)
    told = going_back(world)
    assert (told.source.image.tag, told.served, told.target.image.tag) == ("two", 11 * HOUR, "one")
    assert (told.target_served, told.until) == (HOUR, began + HOUR)


def test_a_failed_deploy_and_one_that_changed_nothing_break_no_service_but_their_own() -> None:
    """What was replaced and brought back serves since then; what was not, since ever."""
    world = World()
    world.good("one")
    world.deploy("one")
    world.backend.release("bad").pull_fails()
    world.deploy("bad")
    assert world.deploy("one").exit_code == 0
    assert world.last.current_since == world.rows[-1].healthy_at
    world.backend.release("bad").good().crashes()
    brought_back = world.deploy("bad")
    assert brought_back.report is not None
    world.clock.advance(HOUR)
    world.deploy("one")
    assert world.last.current_since == brought_back.report.serving.since != world.rows[-1].healthy_at


def test_what_was_started_by_hand_serves_since_the_runtime_says() -> None:
    """No deployment knows it."""
    world = World()
    world.backend.serving("hand")
    started = world.clock.time() - (world.clock.now() - world.backend.living()[0].started)
    world.good("one")
    replaced = world.clock.time() - HOUR
    assert world.last.current_since == started
    assert going_back(world).target_served == replaced - started


def test_what_never_served_is_not_told_of() -> None:
    """Nothing is made up: not of a release that failed, nor over a clock that was set back."""
    world = World()
    world.good("one")
    world.backend.release("bad").crashes()
    world.deploy("bad")
    told = going_back(world, "r2")
    assert (told.target.id, told.target_served, told.until) == ("r2", None, None)
    world.good("two")
    world.clock._epoch = 0.0
    assert going_back(world).served is None


def test_nothing_is_told_where_nothing_is_left() -> None:
    """What serves already is not gone back to; where nothing runs there is nothing to leave."""
    world = World()
    world.good("one", "two")
    world.events.clear()
    world.rollback("two")
    world.backend.kill()
    world.rollback("one")
    assert not world.heard(GoingBack)
