"""What a fake release's script makes of an instance as time goes by."""

import math
from itertools import pairwise

import pytest

from deploykit.protocols import ProbeVerdict, Verdict
from deploykit.release import Instance
from deploykit.testing import FakeRelease, ManualClock
from deploykit.testing.instance import FakeInstance
from deploykit.testing.script import Behaviour
from tests.unit.made import image, release


def made(script: FakeRelease, clock: ManualClock) -> FakeInstance:
    instance = Instance("i1", "web", "running", started_at=clock.time())
    return FakeInstance(instance, image("one"), script.behaviour, clock, clock.now(), release("one"))


def script() -> FakeRelease:
    return FakeRelease(image("one"))


@pytest.mark.parametrize(
    ("behaviour", "age", "healthy"),
    [
        (Behaviour(), 0, True),
        (Behaviour(ready_after=5), 4.9, False),
        (Behaviour(ready_after=5), 5, True),
        (Behaviour(unhealthy_after=5), 4.9, True),
        (Behaviour(unhealthy_after=5), 5, False),
        (Behaviour(flaps_every=1), 0.9, True),
        (Behaviour(flaps_every=1), 1.1, False),
        (Behaviour(flaps_every=1), 2.1, True),
    ],
)
def test_what_a_look_says_at_an_age(behaviour: Behaviour, age: float, *, healthy: bool) -> None:
    """Ready from then on, unhealthy from then on, or by turns."""
    assert behaviour.answer(age).healthy is healthy


def test_warnings_come_with_a_healthy_answer() -> None:
    """They fail nothing."""
    assert script().warns("slow").behaviour.answer(0) == Verdict(ProbeVerdict.healthy, "", ("slow",))


def test_a_good_release_lives_for_ever() -> None:
    """Unless it is made to exit."""
    clock = ManualClock()
    one = made(script(), clock)
    clock.advance(1e9)
    assert one.look().status == "running"
    one.die(137, oom=True)
    died = one.look()
    assert (died.status, died.exit_code, died.oom_killed, died.finished_at) == ("exited", 137, True, clock.time())


def test_a_crash_comes_at_its_time_with_its_code_and_its_log() -> None:
    """Not before, and only once."""
    clock = ManualClock()
    one = made(script().crashes(after=3, exit_code=7, log="ImportError"), clock)
    clock.advance(2.9)
    assert (one.look().status, one.log()) == ("running", "")
    clock.advance(50)
    died = one.look()
    assert (died.status, died.exit_code) == ("exited", 7)
    assert died.finished_at == clock.time() - 49.9
    assert one.log() == "ImportError\n"
    assert not one.answer().healthy


def test_a_runtime_that_restarts_makes_gaps_that_grow() -> None:
    """As Docker does: 0.1 s, then twice as long each time; each start begins the script anew."""
    clock = ManualClock()
    one = made(script().crashes(after=1).restarts(), clock)
    clock.advance(1.05)
    assert (one.look().status, one.look().exit_code) == ("restarting", 1)
    clock.advance(0.1)
    assert (one.look().status, one.look().restarts) == ("running", 1)
    clock.advance(1.0)
    assert one.look().status == "restarting"
    clock.advance(10)
    one.look()
    starts = [at for at, was in one.history if was.status == "running"]
    gaps = [round(after - before - 1, 6) for before, after in pairwise(starts)]
    assert gaps[:4] == [0.1, 0.2, 0.4, 0.8]


def test_changes_are_foretold_and_remembered() -> None:
    """So that a watch can move the clock to the next one, and tell of each."""
    clock = ManualClock()
    one = made(script().crashes(after=3), clock)
    assert one.changed(0, until=2) == math.inf
    assert one.changed(0, until=10) == 3
    clock.advance(5)
    assert [(at, was.status) for at, was in one.since(0)] == [(3, "exited")]
    assert one.since(3) == []
    assert one.changed(3, until=1e9) == math.inf


def test_lines_of_a_script_add_up_and_good_forgets_them() -> None:
    """Every line chains."""
    made_up = script().crashes(after=3).ready_after(1).restarts().pull_fails(2)
    assert (made_up.behaviour.dies_after, made_up.behaviour.ready_after, made_up.behaviour.restarts) == (3, 1, True)
    assert made_up.failing_pulls == 2
    assert (made_up.good().behaviour, made_up.failing_pulls) == (Behaviour(), 0)


def test_running_out_of_memory_is_137() -> None:
    """As the kernel's kill is."""
    clock = ManualClock()
    one = made(script().oom(after=1), clock)
    clock.advance(1)
    assert (one.look().exit_code, one.look().oom_killed) == (137, True)
