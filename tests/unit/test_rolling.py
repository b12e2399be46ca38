"""New instances beside the old ones: batches, what is left when it fails, and what interrupts it."""

import pytest

from deploykit.errors import Outcome
from deploykit.interrupt import Cause
from deploykit.states import State
from tests.unit.world import World, name


def rolling(*good: str, replicas: int = 1, parallelism: int = 0, auto: bool = True) -> World:
    world = World(auto=auto)
    world.backend.strategy = "rolling"
    world.backend.replicas, world.backend.parallelism = replicas, parallelism
    world.good(*good)
    world.moments.calls.clear()
    world.events.clear()
    return world


def ids(world: World) -> list[str]:
    return [one.instance.id for one in world.backend.living()]


def starts(world: World) -> int:
    return world.moments.calls.count("backend.start")


# Batches.


@pytest.mark.parametrize(("replicas", "parallelism", "batches"), [(4, 0, 1), (4, 1, 4), (4, 2, 2), (5, 2, 3)])
def test_instances_stand_up_in_batches(replicas: int, parallelism: int, batches: int) -> None:
    """As many at once as `parallelism` says, 0 for all; each batch turns healthy before the next."""
    world = rolling("one", replicas=replicas, parallelism=parallelism)
    world.backend.release("two").ready_after(1)
    began = world.clock.now()
    assert world.deploy("two").outcome is Outcome.deployed
    assert starts(world) == batches
    assert batches - 0.1 <= world.clock.now() - began <= batches * 1.1
    assert world.serves == ["two"] * replicas


@pytest.mark.parametrize("bad", ["crashes", "never_ready"])
def test_a_bad_first_batch_is_the_last(bad: str) -> None:
    """No more of them is started; what served serves, and has not moved."""
    world = rolling("one", replicas=3, parallelism=1)
    before = ids(world)
    getattr(world.backend.release("two"), bad)()
    started: list[int] = []
    world.when("backend.logs", "before", lambda: started.append(world.serves.count("two")))
    result = world.deploy("two")
    assert (result.outcome, result.exit_code) == (Outcome.rolled_back, 1)
    assert result.failure
    assert result.failure.state is State.starting
    assert started == [0 if bad == "crashes" else 1]
    assert ids(world) == before


def test_a_restore_in_place_stands_up_in_batches_too() -> None:
    """And one whose first batch is bad has failed."""
    for good in (True, False):
        world = World()
        world.backend.replicas, world.backend.parallelism = 3, 1
        world.good("one")
        world.backend.release("two").crashes(after=1)
        if not good:
            world.backend.release("one").never_ready()
        world.moments.calls.clear()
        result = world.deploy("two")
        assert result.outcome is (Outcome.rolled_back if good else Outcome.restore_failed)
        assert world.serves == ["one"] * (3 if good else 1)


# Standing down.


@pytest.mark.parametrize("how", ["config", "argument"])
@pytest.mark.parametrize("bad", ["crashes", "never_ready"])
def test_without_going_back_the_failed_one_is_stopped_and_kept(how: str, bad: str) -> None:
    """auto = false: failed, untouched, 1; the old one serves, and the log of the new one can be read."""
    world = rolling("zero", "one", auto=how == "argument")
    before = ids(world)
    getattr(world.backend.release("two"), bad)()
    result = world.deploy("two", rollback=how == "config")
    assert (result.outcome, result.exit_code, result.state) == (Outcome.untouched, 1, State.failed)
    assert (name(result.serving), ids(world)) == ("one", before)
    assert [one.look().status for one in world.backend.present if one.image.tag == "two"] == ["exited"]
    assert "backend.promote" not in world.moments.calls
    assert world.tag_file == "zero"
    assert world.stack == ["zero", "one"]


def test_what_was_stood_down_is_out_of_the_way_of_the_next() -> None:
    """Deployed again it starts anew; another one goes live as ever."""
    world = rolling("one", auto=False)
    world.backend.release("two").never_ready()
    world.deploy("two")
    world.backend.release("two").good()
    assert world.deploy("two").outcome is Outcome.deployed
    assert world.serves == ["two"]
    assert world.rollback().exit_code == 0
    assert world.serves == ["one"]


def test_a_release_that_cannot_be_stopped_is_left_and_told() -> None:
    """left_unhealthy, 3: it is not known to be out of the way."""
    world = rolling("one", auto=False)
    world.backend.release("two").never_ready()

    def refuse() -> None:
        raise RuntimeError("cannot stop it")

    world.when("backend.stand_down", "before", refuse)
    result = world.deploy("two")
    assert (result.outcome, result.exit_code) == (Outcome.left_unhealthy, 3)
    assert any("cannot stop it" in text for text in world.warnings())


def test_in_place_nothing_is_stood_down() -> None:
    """There is nothing beside it that serves."""
    world = World(auto=False)
    world.good("one")
    world.backend.release("two").never_ready()
    assert world.deploy("two").outcome is Outcome.left_unhealthy
    assert "backend.stand_down" not in world.moments.calls


def test_a_first_release_is_not_stood_down() -> None:
    """no_target, 4: it is left to be looked at."""
    world = rolling()
    world.backend.release("one").never_ready()
    assert world.deploy("one").exit_code == 4
    assert world.serves == ["one"]


# Content that runs already, deployed anew.


def test_content_that_runs_is_deployed_anew_under_an_id_of_its_own() -> None:
    """So the old instances are others, and go when the new ones are healthy."""
    world = rolling("one")
    before = ids(world)
    result = world.deploy("one", force=True)
    assert result.release
    assert (result.outcome, result.release.id) == (Outcome.deployed, result.id)
    assert not set(before) & set(ids(world))
    assert world.serves == ["one"]


def test_content_that_is_bad_now_is_really_gone_back_from() -> None:
    """The instances that served still do, and none of them has moved."""
    world = rolling("one")
    before = ids(world)
    world.backend.release("one").crashes()
    result = world.deploy("one", force=True)
    assert (result.outcome, result.exit_code) == (Outcome.rolled_back, 1)
    assert ids(world) == before


def test_an_unhealthy_release_that_is_deployed_anew_and_fails_goes_back_to_an_older_one() -> None:
    """It is no way back from itself."""
    world = World()
    world.good("zero")
    world.backend.release("one").turns_unhealthy(after=60)
    world.good("one")
    world.backend.release("one").crashes()
    result = world.deploy("one", force=True)
    assert (result.outcome, name(result.serving)) == (Outcome.rolled_back, "zero")
    assert world.serves == ["zero"]


# Interrupts.


@pytest.mark.parametrize(("cause", "code"), [(Cause.sigint, 130), (Cause.sigterm, 143)], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("auto", [True, False])
@pytest.mark.parametrize("state", ["saved", "pulling", "preparing", "starting", "checking", "rolling_back"])
def test_an_interrupt_moves_no_instance_that_serves(state: str, cause: Cause, code: int, *, auto: bool) -> None:
    """In every state but promoting: interrupted, and the old instances are those that were there."""
    world = rolling("one", replicas=2, parallelism=1, auto=auto)
    world.backend.release_command = True
    before = ids(world)
    script = world.backend.release("two").ready_after(5)
    if state == "rolling_back":
        world.auto = True
        script.crashes()
    result = world.deploy("two", cancel=world.interrupted_in(state, cause))
    assert (result.outcome, result.exit_code, name(result.serving)) == (Outcome.interrupted, code, "one")
    assert ids(world) == before


def test_an_interrupt_between_two_batches_is_obeyed() -> None:
    """The next one is not started."""
    world = rolling("one", replicas=3, parallelism=1)
    before = ids(world)
    cancel = world.interrupted_in("nowhere")
    world.when("backend.start", "after", lambda: cancel.request(Cause.sigint))
    assert world.deploy("two", cancel=cancel).exit_code == 130
    assert ids(world) == before


def test_an_interrupt_in_promoting_lets_it_finish() -> None:
    """The new ones serve: deployed, 0."""
    world = rolling("one", replicas=3)
    assert world.deploy("two", cancel=world.interrupted_in("promoting")).exit_code == 0
    assert world.serves == ["two"] * 3


def test_going_back_drains_nothing_that_nobody_was_led_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed goes at once."""
    world = rolling("one")
    drained: list[bool] = []
    promote = world.backend.promote

    def noting(*args: object, drain: bool = True) -> None:
        drained.append(drain)
        promote(*args, drain=drain)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(world.backend, "promote", noting)
    world.backend.release("two").never_ready()
    world.deploy("two")
    world.deploy("three")
    assert drained == [False, True]
