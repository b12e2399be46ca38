"""A look at many instances."""

from threading import Barrier

import pytest

from deploykit.probes._look import Unhealthy, each
from deploykit.protocols import ProbeVerdict, Verdict
from deploykit.release import Instance

MANY = [Instance(f"t{number}", "web", "running", name=f"web.{number}") for number in range(8)]


def test_several_are_asked_at_once() -> None:
    """Each waits here until all four are asked."""
    barrier = Barrier(4, timeout=5)

    def look(_: Instance) -> tuple[str, ...]:
        barrier.wait()
        return ()

    assert each(MANY, look, at_once=4).healthy


@pytest.mark.parametrize("at_once", [1, 4])
def test_the_first_that_is_unhealthy_is_told(at_once: int) -> None:
    """By its name; and those after it, but for what was asked with it, are left alone."""
    asked = []

    def look(one: Instance) -> tuple[str, ...]:
        asked.append(one.name)
        if one.id in {"t2", "t3"}:
            raise Unhealthy("answered 500")
        return ()

    assert each(MANY, look, at_once) == Verdict(ProbeVerdict.unhealthy, "web.2: answered 500")
    assert len(asked) == (3 if at_once == 1 else 4)


@pytest.mark.parametrize("at_once", [1, 4])
def test_warnings_are_told_of_each_in_order(at_once: int) -> None:
    """With the name of the instance before it."""
    verdict = each(MANY, lambda one: (f"slow {one.id}",), at_once)
    assert verdict.warnings == tuple(f"web.{number}: slow t{number}" for number in range(8))
