"""What went live is watched, the lock free, and gone back from when it turns unhealthy."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from deploykit.errors import ConfigError, EngineUnreachable, NoSuchRelease, Outcome, StepFailed
from deploykit.events import Failed, Finished, Sight, WatchEnded, Watching
from deploykit.interrupt import Cause, Interruption
from deploykit.protocols import Holder
from deploykit.record import Kind
from deploykit.result import Result
from deploykit.states import State
from tests.unit.test_health import Doing
from tests.unit.world import POLICY, World, name

BAKE = 60.0
SOMEBODY = Holder(4711, "eve@ci", 0.0, "deploy")


def baking(*good: str, bake: float = BAKE) -> World:
    """An app whose deploys are watched; these have gone well."""
    world = World()
    world.good(*good)
    world.policy = replace(POLICY, bake=bake)
    world.events.clear()
    return world


def falls(world: World, tag: str = "two", after: float = 12.0) -> None:
    world.backend.release(tag).crashes(after=after, exit_code=3, log="ImportError: courts").ready_after(0)


def during(world: World, do: Callable[[], object]) -> None:
    """Do something, once, at a look some time after the release went live."""
    later = iter([do])

    def look() -> None:
        if any(isinstance(event, Watching) and world.clock.time() > event.at + 5 for event in world.events):
            for one in later:
                one()

    world.probes.append(Doing(look))


def at_the_fall(world: World, do: Callable[[], object]) -> None:
    """Do something as soon as it is told that the release has turned unhealthy, before the lock is taken."""
    app_observer = world.events

    class Events(list):  # type: ignore[type-arg]  # of whatever it was
        def append(self, event: object) -> None:
            super().append(event)
            if isinstance(event, Failed) and event.failure.state is State.healthy:
                do()

    world.events = Events(app_observer)


def finished(world: World) -> list[Finished]:
    return [event for event in world.events if isinstance(event, Finished)]


def sights(world: World) -> list[Sight]:
    return [event.sight for event in world.events if isinstance(event, WatchEnded)]


def test_a_deploy_that_stays_healthy_is_over_when_it_was_watched() -> None:
    """Deployed, 0; its end is told once, when the time has passed, and its duration is that of the deploy."""
    world = baking("one")
    began = world.clock.now()
    result = world.deploy("two")
    assert (result.outcome, result.exit_code, result.failure) == (Outcome.deployed, 0, None)
    assert world.clock.now() - began == pytest.approx(BAKE)
    assert result.duration < 1
    assert [(event.id, event.exit_code) for event in finished(world)] == [("r2", 0)]
    assert isinstance(world.events[-1], Finished)
    assert sights(world) == [Sight.healthy]


def test_without_a_bake_nothing_is_watched() -> None:
    """The default."""
    world = baking("one", bake=0)
    assert world.deploy("two").exit_code == 0
    assert sights(world) == []


def test_the_lock_is_free_meanwhile() -> None:
    """Others may deploy, and nothing is held that would stop them."""
    world = baking("one")
    held: list[object] = []
    during(world, lambda: held.append(world.state.lock.holder()))
    world.deploy("two")
    assert held == [None]


def test_turning_unhealthy_rolls_back() -> None:
    """rolled_back, 1, with what was seen; what served before serves again by a deployment of its own."""
    world = baking("one")
    falls(world)
    result = world.deploy("two")
    assert (result.id, result.kind, result.outcome, result.exit_code) == ("r2", Kind.deploy, Outcome.rolled_back, 1)
    assert (result.state, name(result.serving), name(result.release)) == (State.rolled_back, "one", "two")
    assert result.failure
    assert result.failure.summary == "Turned unhealthy 12s after the deploy: Container exited with code 3 after 12.0s"
    assert (result.failure.exit_code, result.failure.logs) == (3, "ImportError: courts")
    assert world.serves == ["one"]
    assert world.stack == ["one"]


def test_the_history_keeps_the_deploy_as_it_ended() -> None:
    """Healthy; the rollback is a row of its own, which says why."""
    world = baking("one")
    falls(world)
    world.deploy("two")
    back, deploy = world.rows[:2]
    assert (deploy.id, deploy.kind, deploy.outcome) == ("r2", Kind.deploy, Outcome.deployed)
    assert (back.id, back.kind, back.outcome) == ("r3", Kind.rollback, Outcome.deployed)
    assert back.options.message.startswith("example.com/team/web:two: Turned unhealthy 12s after the deploy")
    assert back.options.by == deploy.options.by


def test_the_last_event_is_the_end_of_the_deploy_that_was_asked_for() -> None:
    """After that of the rollback: scripts read the last one."""
    world = baking("one")
    falls(world)
    world.deploy("two")
    assert [(event.id, event.outcome, event.exit_code) for event in finished(world)] == [
        ("r3", Outcome.deployed, 0),
        ("r2", Outcome.rolled_back, 1),
    ]
    assert world.events[-1] is finished(world)[-1]


def test_nothing_older_than_what_served_is_brought_though_nothing_runs_any_more() -> None:
    """Nor the very release that died."""
    world = baking("zero", "one")
    falls(world)
    assert name(world.deploy("two").serving) == "one"
    assert world.tag_file == "zero"


def test_a_rollback_that_fails_is_told() -> None:
    """restore_failed, 3, with both failures."""
    world = baking("one")
    world.backend.release("one").never_ready()
    falls(world)
    result = world.deploy("two")
    assert (result.outcome, result.exit_code, result.state) == (Outcome.restore_failed, 3, State.failed)
    assert result.failure
    assert result.restore_failure
    assert result.restore_failure.summary == "Health check failed after 10s"


def test_a_rollback_that_the_engine_left_midway_is_unfinished() -> None:
    """3: `recover` goes on with it."""
    world = baking("one")
    falls(world)
    at_the_fall(world, lambda: world.when("backend.start", "before", world.backend.goes_away))
    result = world.deploy("two")
    assert (result.outcome, result.exit_code, result.finished) == (Outcome.unfinished, 3, False)
    world.backend.comes_back()
    recovered = world.recover()
    assert recovered
    assert (recovered.exit_code, world.serves) == (0, ["one"])


def test_with_nothing_to_go_back_to_it_is_left() -> None:
    """no_target, 4; no row is written."""
    world = baking()
    falls(world, "one")
    result = world.deploy("one")
    assert (result.outcome, result.exit_code, result.previous) == (Outcome.no_target, 4, None)
    assert len(world.rows) == 1


@pytest.mark.parametrize("how", ["config", "argument"])
def test_switched_off_going_back_leaves_it(how: str) -> None:
    """left_unhealthy, 3: it is watched all the same, and told."""
    world = baking("one")
    world.auto = how == "argument"
    falls(world)
    result = world.deploy("two", rollback=how == "config")
    assert (result.outcome, result.exit_code) == (Outcome.left_unhealthy, 3)
    assert len(world.rows) == 2


@pytest.mark.parametrize(("force", "outcome"), [(False, Outcome.left_unhealthy), (True, Outcome.rolled_back)])
def test_an_irreversible_release_is_gone_back_from_by_force_alone(outcome: Outcome, *, force: bool) -> None:
    """As any restore."""
    world = baking("one")
    falls(world)
    result = world.deploy("two", irreversible=True, force=force)
    assert result.outcome is outcome
    assert name(result.barrier) == "two"


def test_another_deployment_ends_it() -> None:
    """0, at once; what that one does is its own affair."""
    world = baking("one")
    during(world, lambda: world.app.deploy("three"))
    began = world.clock.now()
    result = world.deploy("two")
    assert (result.outcome, result.exit_code) == (Outcome.deployed, 0)
    assert sights(world)[-1] is Sight.superseded
    assert world.clock.now() - began < 2 * BAKE
    assert world.serves == ["three"]


def test_another_deployment_that_was_killed_ends_it_too() -> None:
    """It is to be finished first."""
    world = baking("one")
    during(world, lambda: world.killed_in("pulling", lambda: world.deploy("three")))
    assert world.deploy("two").exit_code == 0
    assert sights(world) == [Sight.superseded]


def test_the_lock_is_waited_for() -> None:
    """Whoever has it may not have begun anything."""
    world = baking("one")
    falls(world)

    def held_for_a_while() -> None:
        world.state.lock.held_by = SOMEBODY
        world.when("backend.logs", "after", lambda: None)
        until = world.clock.now() + 5
        sleep = world.clock.sleep

        def sleeps(seconds: float) -> None:
            sleep(seconds)
            if world.clock.now() >= until:
                world.state.lock.held_by = None
                world.clock.sleep = sleep  # type: ignore[method-assign]  # as it was

        world.clock.sleep = sleeps  # type: ignore[method-assign]  # a test's

    at_the_fall(world, held_for_a_while)
    result = world.deploy("two")
    assert (result.outcome, world.serves) == (Outcome.rolled_back, ["one"])


@pytest.mark.parametrize("lock", ["held", "free"])
def test_going_back_is_left_to_a_deployment_that_began_first(lock: str) -> None:
    """0, and nothing is touched: it may be the mend."""
    world = baking("one")
    falls(world)

    def begins() -> None:
        world.killed_in("pulling", lambda: world.app.deploy("three"))
        world.state.lock.held_by = SOMEBODY if lock == "held" else None

    at_the_fall(world, begins)
    result = world.deploy("two")
    assert (result.outcome, result.exit_code, result.failure) == (Outcome.deployed, 0, None)
    assert [row.id for row in world.rows] == ["r3", "r2", "r1"]
    assert any("left to it" in text for text in world.warnings())


@pytest.mark.parametrize("cause", Cause)
def test_being_told_to_stop_ends_it_with_0(cause: Cause) -> None:
    """What was deployed serves."""
    world = baking("one")
    interruption = Interruption()
    during(world, lambda: interruption.request(cause))
    result = world.deploy("two", cancel=interruption)
    assert (result.outcome, result.exit_code, sights(world)) == (Outcome.deployed, 0, [Sight.stopped])
    assert world.serves == ["two"]


def test_being_told_to_stop_in_promoting_is_not_watched() -> None:
    """Deployed, 0, at once."""
    world = baking("one")
    world.backend.strategy = "rolling"
    began = world.clock.now()
    assert world.deploy("two", cancel=world.interrupted_in("promoting")).exit_code == 0
    assert world.clock.now() - began < 1


def test_being_told_to_stop_before_going_back_is_not_safe() -> None:
    """3: what serves is unhealthy, and nobody has gone back."""
    world = baking("one")
    falls(world)
    interruption = Interruption()

    def stop() -> None:
        world.state.lock.held_by = SOMEBODY
        interruption.request(Cause.sigterm)

    at_the_fall(world, stop)
    result = world.deploy("two", cancel=interruption)
    assert (result.outcome, result.exit_code) == (Outcome.restore_failed, 3)
    assert result.restore_failure
    assert result.restore_failure.summary == "Interrupted by SIGTERM before going back began"


@pytest.mark.parametrize(("seconds", "code"), [(40.0, 1), (400.0, 3)])
def test_an_engine_that_goes_away_before_going_back_is_waited_for(seconds: float, code: int) -> None:
    """For 60 s; then 3."""
    world = baking("one")
    falls(world)
    at_the_fall(world, lambda: world.backend.goes_away(seconds))
    began = world.clock.now()
    assert world.deploy("two").exit_code == code
    assert world.clock.now() - began < 12 + 70


def test_what_cannot_be_used_any_more_is_told() -> None:
    """3, not an error: the deploy began, and ended."""
    world = baking("one")
    falls(world)

    def spoil() -> None:
        world.state.unusable = "the state folder belongs to root"

    at_the_fall(world, spoil)
    result = world.deploy("two")
    assert result.exit_code == 3
    assert result.restore_failure
    assert "root" in result.restore_failure.summary


def test_a_log_that_cannot_be_read_does_not_stand_in_the_way() -> None:
    """Going back comes first."""
    world = baking("one")
    falls(world)

    def refuse() -> None:
        raise StepFailed("no log")

    at_the_fall(world, lambda: world.when("backend.logs", "before", refuse))
    assert world.deploy("two").outcome is Outcome.rolled_back


def test_a_journal_that_cannot_be_read_is_no_other_deployment() -> None:
    """It goes on watching."""
    world = baking("one")

    def unreadable(_: object) -> object:
        raise ConfigError("it is damaged")

    during(world, lambda: setattr(world.state, "journal_to_read", unreadable))
    world.app.deploy("two")
    assert sights(world) == [Sight.healthy]


@pytest.mark.parametrize("secret", ["hunter2"])
def test_no_secret_is_in_what_was_seen(secret: str) -> None:
    """Nor in its log."""
    world = baking("one")
    world.backend.secrets = (secret,)
    world.backend.release("two").crashes(after=12, log=f"password {secret}").ready_after(0)
    failure = world.deploy("two").failure
    assert failure
    assert secret not in f"{failure}"


# What is not watched.


def test_what_was_not_deployed_is_not_watched() -> None:
    """Unchanged: nothing was put there. A rollback: it has proved itself, and nobody asked to go further back."""
    world = baking("one", "two")
    assert world.deploy("two").outcome is Outcome.unchanged
    assert world.rollback().exit_code == 0
    world.backend.release("three").never_ready()
    assert world.deploy("three").exit_code == 1
    assert sights(world) == []


def test_what_recover_finishes_is_not_watched() -> None:
    """It may run at boot, and has another's time to keep."""
    world = baking("one")
    world.killed_in("checking", lambda: world.deploy("two"))
    recovered = world.recover()
    assert recovered
    assert (recovered.outcome, sights(world)) == (Outcome.deployed, [])


# By hand.


def test_watch_looks_on_for_as_long_as_it_is_told() -> None:
    """Unchanged, 0: nothing was done. It takes no lock, and writes no row."""
    world = baking("one", "two")
    began = world.clock.now()
    held: list[object] = []
    during(world, lambda: held.append(world.state.lock.holder()))
    result = world.app.watch(30)
    assert (result.id, result.outcome, result.exit_code, name(result.serving)) == ("r2", Outcome.unchanged, 0, "two")
    assert (world.clock.now() - began, result.duration, held) == (30, 30, [None])
    assert (name(result.previous), len(world.rows)) == ("one", 2)


def test_watch_goes_on_until_it_is_stopped() -> None:
    """0; without a time nothing else ends it."""
    world = baking("one")
    interruption = Interruption()
    began = world.clock.now()

    def look() -> None:
        if world.clock.now() > began + 1800:
            interruption.request(Cause.sigint)

    world.probes.append(Doing(look))
    result = world.app.watch(cancel=interruption)
    assert world.clock.now() - began > 1800
    assert (result.exit_code, sights(world)) == (0, [Sight.stopped])


def test_watch_rolls_back() -> None:
    """Whatever `auto` says: it is what it was asked for."""
    world = baking("one")
    world.backend.release("two").turns_unhealthy(after=4000)
    world.good("two")
    world.auto = False
    result = world.app.watch(600)
    assert (result.outcome, result.exit_code, name(result.serving)) == (Outcome.rolled_back, 1, "one")
    assert result.failure
    assert result.failure.summary.startswith("Turned unhealthy after ")
    assert world.serves == ["one"]
    assert isinstance(world.events[-1], Finished)


def test_watch_of_what_was_started_by_hand() -> None:
    """It is known by its image; a good release is gone back to."""
    world = baking("one")
    world.backend.serving("by-hand")
    assert world.app.watch(10).outcome is Outcome.unchanged
    during(world, lambda: world.backend.kill(1))
    result = world.app.watch(60)
    assert (result.outcome, world.serves) == (Outcome.rolled_back, ["one"])


def test_watch_before_anything_was_deployed() -> None:
    """There is nothing to go back to then: 4."""
    world = baking()
    world.backend.serving("by-hand")
    during(world, lambda: world.backend.kill(1))
    result: Result = world.app.watch(60)
    assert (result.id, result.outcome, result.exit_code) == ("", Outcome.no_target, 4)


def test_watch_where_nothing_runs_is_refused() -> None:
    """2; and 5 where nobody answers."""
    world = baking()
    with pytest.raises(NoSuchRelease, match="nothing runs"):
        world.app.watch(1)
    world.backend.goes_away()
    with pytest.raises(EngineUnreachable):
        world.app.watch(1)
    assert world.events == []


def test_watch_beside_a_deployment_ends_at_once() -> None:
    """Also beside one that was killed."""
    world = baking("one")
    world.killed_in("pulling", lambda: world.deploy("two"))
    assert world.app.watch(60).exit_code == 0
    assert sights(world) == [Sight.superseded]
