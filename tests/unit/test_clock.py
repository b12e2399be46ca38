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
