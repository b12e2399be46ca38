"""A clock that only moves when it is told to."""

import pytest

from deploykit.testing import ManualClock


def test_time_passes_only_when_it_is_told_to() -> None:
    """Sleeping moves it by that much, and both kinds of time go together."""
    clock = ManualClock(epoch=1000.0)
    assert (clock.now(), clock.time(), clock.elapsed) == (0.0, 1000.0, 0.0)
    clock.sleep(1.5)
    clock.advance(2)
    assert (clock.now(), clock.time(), clock.elapsed) == (3.5, 1003.5, 3.5)


def test_time_never_goes_back() -> None:
    """A negative sleep is none."""
    clock = ManualClock()
    clock.sleep(-5)
    assert clock.now() == 0.0


def test_what_is_done_aside_is_done_at_once() -> None:
    """The time that it takes passes; what it raises is raised where it is waited for."""
    clock = ManualClock()
    assert clock.aside(lambda: clock.advance(2)).done()
    assert clock.elapsed == 2
    with pytest.raises(ZeroDivisionError):
        clock.aside(lambda: 1 // 0).result()
