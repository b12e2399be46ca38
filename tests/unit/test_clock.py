"""The real clock."""

import time

import pytest

from deploykit.clock import SystemClock


def test_the_real_clock_is_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds that only grow for waits, seconds since the epoch for the journal, and a sleep that blocks."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(time, "monotonic", lambda: 12.0)
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000.0)
    clock = SystemClock()
    clock.sleep(0.5)
    assert (clock.now(), clock.time(), slept) == (12.0, 1_700_000_000.0, [0.5])


def test_what_is_done_aside_comes_back_as_it_ended() -> None:
    """With what it returned, or what it raised."""
    clock = SystemClock()
    assert clock.aside(lambda: 7).result(10) == 7
    with pytest.raises(ZeroDivisionError):
        clock.aside(lambda: 1 // 0).result(10)
