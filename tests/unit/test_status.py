"""What an app's status is made of."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from deploykit.errors import EngineUnreachable, NoSuchRelease, Outcome
from deploykit.protocols import Holder
from deploykit.release import Instance, Release
from deploykit.states import State
from deploykit.status import Status
from tests.unit.world import World, name

WEB = Instance("i1", "web", "running")


def status(*instances: Instance, **fields: object) -> Status:
    given: dict[str, object] = {
        "app": "web",
        "state": State.healthy,
        "outcome": Outcome.deployed,
        "current": None,
        "candidate": None,
        "previous": None,
        "lock": None,
        **fields,
    }
    return Status(instances=instances, **given)  # type: ignore[arg-type]  # they are Status's


@pytest.mark.parametrize(
    ("instances", "ok"),
    [
        ((WEB,), True),
        ((WEB, replace(WEB, id="i2", health="healthy")), True),
        ((replace(WEB, health="starting"),), True),
        ((), False),
        ((WEB, replace(WEB, id="i2", status="exited")), False),
        ((replace(WEB, status="restarting"),), False),
        ((replace(WEB, status="paused"),), False),
        ((WEB, replace(WEB, id="i2", health="unhealthy")), False),
    ],
)
def test_all_is_well_when_every_instance_serves(instances: tuple[Instance, ...], *, ok: bool) -> None:
    """And there is one at all."""
    assert status(*instances).ok is ok


def test_a_deployment_that_was_left_half_way_is_not_well() -> None:
    """Unless it is just running: then the lock is held. An app that was never deployed is fine as it runs."""
    left = {"state": State.checking, "outcome": None}
    assert not status(WEB, **left).ok
    assert status(WEB, **left, lock=Holder(1, "eve", 0.0, "deploy")).ok
    assert status(WEB, state=None, outcome=None).ok
    assert status(WEB, state=State.failed, outcome=Outcome.untouched).ok


def test_an_app_that_was_never_deployed_and_does_not_run() -> None:
    """Nothing is known, and nothing is written."""
    world = World()
    seen = world.app.status()
    assert (seen.app, seen.state, seen.outcome) == ("web", None, None)
    assert (seen.current, seen.candidate, seen.previous, seen.instances, seen.lock) == (None, None, None, (), None)
    assert not any(call.startswith(("journal", "files", "tag_file")) for call in world.moments.calls)


def test_what_was_started_by_hand_is_current_without_an_id() -> None:
    """By its image; nothing is adopted by looking."""
    world = World()
    world.backend.serving("zero")
    current = world.app.status().current
    assert current
    assert (current.id, current.image.tag, world.rows) == ("", "zero", [])


def test_after_two_deploys_it_says_what_runs_and_what_rollback_would_bring() -> None:
    """With the outcome of the last deployment and the instances that there are."""
    world = World()
    world.good("one", "two")
    seen = world.app.status()
    assert (seen.state, seen.outcome) == (State.healthy, Outcome.deployed)
    assert (name(seen.current), name(seen.previous), seen.candidate) == ("two", "one", None)
    assert [one.service for one in seen.instances] == ["web"]
    assert seen.ok


def test_what_rollback_would_bring_is_what_it_brings() -> None:
    """After each step of a history."""
    world = World()
    world.good("one", "two", "three")
    world.backend.release("four").crashes()
    steps: list[Callable[[], object]] = [
        lambda: world.deploy("four"),
        world.rollback,
        lambda: world.deploy("two"),
        lambda: world.rollback("three"),
    ]
    for step in steps:
        step()
        promised = world.app.status().previous
        if promised is None:
            with pytest.raises(NoSuchRelease):
                world.rollback()
        else:
            world.rollback()
            assert world.serves == [name(promised)]


def test_a_tag_written_by_hand_is_what_rollback_would_bring() -> None:
    """A release that is known under that tag, or else just its name."""
    world = World()
    world.good("one", "two", "three", "four")
    world.state.tag_text.text = "one"
    known = world.app.status().previous
    assert known
    assert (known.id, name(known)) == ("r1", "one")
    world.state.tag_text.text = "main-unknown"
    named = world.app.status().previous
    assert named == Release("", replace(known.image, tag="main-unknown", digest=None, id=None))


def test_a_release_whose_restore_failed_is_what_rollback_would_bring() -> None:
    """Though it runs: `rollback` tries it again."""
    world = World()
    world.good("one")
    world.backend.release("one").never_ready()
    world.backend.release("two").crashes()
    assert world.deploy("two").outcome is Outcome.restore_failed
    seen = world.app.status()
    assert (name(seen.current), name(seen.previous)) == ("one", "one")


def test_a_killed_deployment_shows_its_candidate_and_is_not_well() -> None:
    """It tells what it tries, and that nobody is at it."""
    world = World()
    world.good("one")
    world.killed_in("checking", lambda: world.deploy("two"))
    world.state.lock.held_by = None
    seen = world.app.status()
    assert (seen.state, seen.outcome, name(seen.candidate), seen.ok) == (State.checking, None, "two", False)


def test_who_holds_the_lock_is_told() -> None:
    """While a deployment runs, and looking waits for nothing."""
    world = World()
    world.state.lock.held_by = Holder(4711, "eve@ci", 5.0, "deploy")
    assert world.app.status().lock == Holder(4711, "eve@ci", 5.0, "deploy")
    assert world.clock.elapsed == 0


def test_an_engine_that_is_away_is_an_error() -> None:
    """What runs cannot be told then."""
    world = World()
    world.backend.goes_away()
    with pytest.raises(EngineUnreachable):
        world.app.status()


def test_a_lost_journal_leaves_what_serves_known_by_its_image() -> None:
    """The labels name a release that nobody knows; the good release of the same image is found again."""
    world = World()
    world.good("one")
    world.backend.serving("one")
    current = world.app.status().current
    assert current
    assert current.id == "r1"


@pytest.mark.parametrize("state", ["starting", "checking", "rolling_back"])
def test_what_serves_beside_a_candidate_is_current(state: str) -> None:
    """In the middle of a rolling deployment: the old one, until the new one takes over."""
    world = World()
    world.backend.strategy = "rolling"
    world.good("zero", "one")
    if state == "rolling_back":
        world.backend.release("two").never_ready()
    old = [one.instance.id for one in world.backend.living()]
    seen: list[Status] = []
    hook = "backend.watch" if state != "starting" else "backend.start"
    if state == "rolling_back":
        world.killed_in("rolling_back", lambda: world.deploy("two"))
        seen.append(world.app.status())
    else:
        world.when(hook, "after", lambda: seen.append(world.app.status()))
        world.deploy("two")
    (status,) = seen
    assert (status.state, name(status.current), name(status.candidate)) == (State[state], "one", "two")
    assert [one.id for one in status.instances] == old
    assert name(status.previous) == "one", "that is what `rollback` would bring back"
    assert status.ok is (state != "rolling_back"), "nobody is at it"


def test_once_the_new_one_takes_over_it_is_current() -> None:
    """In promoting there is only a way forward."""
    world = World()
    world.backend.strategy = "rolling"
    world.good("one")
    world.killed_in("promoting", lambda: world.deploy("two"))
    seen = world.app.status()
    assert (name(seen.current), name(seen.candidate)) == ("two", "two")


def test_a_candidate_that_crashes_beside_what_serves_does_not_make_that_ill() -> None:
    """What serves is well: all of its instances are."""
    world = World()
    world.backend.strategy = "rolling"
    world.good("one")
    world.backend.release("two").crashes(after=0)
    seen: list[Status] = []
    world.when("backend.watch", "after", lambda: seen.append(world.app.status()))
    world.deploy("two")
    assert (name(seen[0].current), seen[0].ok) == ("one", True)


def test_a_release_that_was_stood_down_is_not_what_serves() -> None:
    """auto = false, rolling: the old one serves, and is well."""
    world = World(auto=False)
    world.backend.strategy = "rolling"
    world.good("zero", "one")
    world.backend.release("two").never_ready()
    assert world.deploy("two").exit_code == 1
    seen = world.app.status()
    assert (seen.outcome, name(seen.current), seen.candidate, seen.ok) == (Outcome.untouched, "one", None, True)
    assert name(seen.previous) == "zero"


def test_an_untouched_deployment_shows_what_serves() -> None:
    """Before anything is started there is nothing beside it."""
    world = World()
    world.good("one")
    world.killed_in("pulling", lambda: world.deploy("two"))
    assert name(world.app.status().current) == "one"


# What somebody changed by hand.


def test_what_runs_is_what_the_journal_says() -> None:
    """After a good deploy, after one that failed, after a rollback, and before the first one."""
    world = World()
    assert not world.app.status().drifted
    world.good("one", "two")
    assert not world.app.status().drifted
    world.backend.release("bad").crashes()
    world.deploy("bad")
    assert not world.app.status().drifted
    world.rollback()
    assert not world.app.status().drifted


def test_something_else_runs() -> None:
    """It says what the journal knows, beside what runs; so it does when nothing runs."""
    world = World()
    world.good("one")
    world.backend.serving("zero")
    status = world.app.status()
    assert status.drifted
    assert status.recorded
    assert (status.current and status.current.image.tag, status.recorded.image.tag) == ("zero", "one")


def test_a_deployment_that_runs_is_no_drift() -> None:
    """What it has done so far was not by hand."""
    world = World()
    world.good("one")
    world.killed_in("checking", lambda: world.deploy("two"))
    world.state.lock.held_by = Holder(4711, "eve@ci", 5.0, "deploy")
    assert not world.app.status().drifted


def test_what_failed_and_left_nothing_is_no_drift() -> None:
    """A first release that dies, with nothing to go back to: that it does not run is no change by hand."""
    world = World()
    world.backend.release("bad").crashes()
    assert world.deploy("bad").outcome is Outcome.no_target
    world.backend.kill()
    assert not world.app.status().drifted
