"""An eye on instances: what it takes for dead, and what it does not hold against them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from deploykit.eye import Eye, describe_death
from deploykit.interrupt import Interruption
from deploykit.release import Instance, Release
from deploykit.testing import ManualClock
from tests.unit.made import release

WEB = Instance("i1", "web", "running", name="web-1")


@dataclass
class Runtime:
    """Instances as the runtime shows them, and what its watch tells next."""

    shown: list[Instance]
    told: list[Instance] = field(default_factory=list)

    def __enter__(self) -> "Runtime":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def instances(self, _: Release) -> Sequence[Instance]:
        return self.shown

    def watch(self, _: Release) -> "Runtime":
        return self

    def wait(self, seconds: float) -> Sequence[Instance]:
        told, self.told = self.told, []
        return told


def opened(runtime: Runtime, clock: ManualClock | None = None, **settings: object) -> Eye:
    eye = Eye(release("one"), runtime, runtime, clock or ManualClock(), Interruption(), "Container", **settings)  # type: ignore[arg-type]  # they are Eye's
    eye.refresh()
    return eye


def test_what_runs_is_not_dead() -> None:
    """And an exit that the watch tells is, with its code, whatever the runtime shows since."""
    runtime = Runtime([WEB])
    eye = opened(runtime)
    assert eye.dead() is None
    runtime.told = [replace(WEB, status="exited", exit_code=3)]
    assert eye.hear(0)
    death = eye.dead()
    assert death
    assert (death.summary, death.exit_code, death.oom_killed) == ("Container exited with code 3", 3, False)


def test_nothing_left_is_dead() -> None:
    """There is no instance to name then."""
    death = opened(Runtime([])).dead()
    assert death
    assert (death.summary, death.instance, death.exit_code) == ("no container of release r1 is left", None, None)


@pytest.mark.parametrize(("allowed", "dead"), [(0, True), (1, False)])
def test_restarts_are_counted_from_when_it_was_opened(allowed: int, *, dead: bool) -> None:
    """Those of before are not held against an instance that is older."""
    clock = ManualClock()
    old = replace(WEB, created_at=clock.time() - 60, restarts=7)
    runtime = Runtime([old])
    eye = opened(runtime, clock, max_restarts=allowed)
    assert eye.dead() is None
    runtime.shown = [replace(old, restarts=8, exit_code=1)]
    eye.refresh()
    assert (eye.dead() is not None) is dead


def test_a_death_from_before_is_believed_only_when_it_is_still_shown() -> None:
    """Somebody may have started it again, a week ago; a watch tells that all the same."""
    for shown, dead in [(WEB, False), (replace(WEB, status="exited", exit_code=1), True)]:
        runtime = Runtime([WEB])
        eye = opened(runtime, since=100.0)
        runtime.shown = [shown]
        runtime.told = [replace(WEB, status="exited", exit_code=1, finished_at=99.0)]
        eye.hear(0)
        eye.refresh(after=60.0)
        assert (eye.dead() is not None) is dead


def test_the_runtime_is_not_asked_more_often_than_wanted() -> None:
    """Unless it is to say what a death was."""
    clock = ManualClock()
    runtime = Runtime([WEB])
    eye = opened(runtime, clock)
    runtime.shown = []
    clock.advance(1.9)
    eye.refresh(after=2.0)
    assert eye.dead() is None
    clock.advance(0.1)
    eye.refresh(after=2.0)
    assert eye.dead() is not None


def test_a_death_in_words() -> None:
    """The runbook's line; what is not known is not made up."""
    dead = Instance("i", "web", "exited", exit_code=3, started_at=10.0, finished_at=10.44)
    assert describe_death(dead, "Container") == "Container exited with code 3 after 0.4s"
    assert describe_death(Instance("i", "web", "exited"), "Process") == "Process exited with an unknown code"
    there = replace(dead, node="web-2")
    assert describe_death(there, "Task") == "Task exited with code 3 after 0.4s on node web-2"
    unwell = replace(there, exit_code=143, error="unhealthy container")
    assert describe_death(unwell, "Task") == "Task exited with code 143 after 0.4s on node web-2: unhealthy container"
    refused = Instance("i", "web", "exited", name="web.1", node="web-2", error="No such image: web")
    assert describe_death(refused, "Task") == "Task web.1 failed on node web-2: No such image: web"
