"""An eye on tasks: it tells what is not as it was."""

from deploykit.backends.swarm.watch import TaskWatch
from deploykit.release import Instance

STARTS = Instance("t1", "web", "created", name="web.1")
RUNS = Instance("t1", "web", "running", name="web.1")


def test_what_changed_is_told_and_nothing_else() -> None:
    """At first all, then only what is another or otherwise."""
    looks = iter([[STARTS], [STARTS], [RUNS]])
    with TaskWatch(lambda: next(looks), gap=0) as watch:
        assert [watch.wait(0) for _ in range(3)] == [[STARTS], (), [RUNS]]


def test_it_looks_no_more_often_than_its_gap() -> None:
    """However often it is asked."""
    looks = iter([[STARTS]])
    with TaskWatch(lambda: next(looks), gap=60) as watch:
        assert watch.wait(0) == [STARTS]
        assert watch.wait(0) == ()
