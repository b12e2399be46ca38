"""An eye on tasks: it tells what is not as it was."""

import time

import pytest

from deploykit.backends.swarm import watch as swarm_watch
from deploykit.backends.swarm.watch import TaskWatch
from deploykit.release import Instance

STARTS = Instance("t1", "web", "created", name="web.1")
RUNS = Instance("t1", "web", "running", name="web.1")


def test_what_changed_is_told_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """At first all, then only what is another or otherwise."""
    monkeypatch.setattr(swarm_watch, "_SHARE", 0)
    looks = iter([[STARTS], [STARTS], [RUNS]])
    with TaskWatch(lambda: next(looks), gap=0) as watch:
        assert [watch.wait(0) for _ in range(3)] == [[STARTS], (), [RUNS]]


def test_it_looks_no_more_often_than_its_gap() -> None:
    """However often it is asked; and not at once, as who opens it looks then."""
    looks = iter([[STARTS]])
    with TaskWatch(lambda: next(looks), gap=0.05) as watch:
        assert watch.wait(0) == ()
        assert watch.wait(1) == [STARTS]
        assert watch.wait(0) == ()


def test_a_swarm_that_was_slow_to_tell_is_not_asked_at_once() -> None:
    """What the last look took counts for the next watch too: there is one for each batch."""
    with TaskWatch(lambda: [STARTS], gap=0, taken=60) as watch:
        assert watch.wait(0) == ()


def test_a_swarm_that_is_slow_to_tell_is_asked_less_often() -> None:
    """A thousand tasks take their time."""
    looks = iter([[STARTS]])

    def look() -> list[Instance]:
        time.sleep(0.01)
        return next(looks)

    with TaskWatch(look, gap=0) as watch:
        assert watch.wait(0) == [STARTS]
        assert watch.wait(0) == ()
