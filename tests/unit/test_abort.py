"""Aborting what another process does, and what comes of it."""

from collections.abc import Callable
from threading import Event as Flag

import pytest

from deploykit.errors import Outcome
from deploykit.protocols import Holder
from tests.unit.world import World


def held(world: World, monkeypatch: pytest.MonkeyPatch, then: Callable[[], object]) -> None:
    """Have another process hold the lock, which lets go of it while it is waited for."""
    world.state.lock.held_by = Holder(4711, "somebody@there", world.clock.time(), "deploy")

    def end(_: float) -> None:
        world.state.lock.held_by = None
        then()

    monkeypatch.setattr(world.clock, "sleep", end)


def test_the_end_is_told_whatever_is_in_the_tag_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A malformed tag file stops a rollback alone, neither abort nor status."""
    world = World()
    world.good("one", "two")
    world.state.tag_text.text = "not a tag"
    held(world, monkeypatch, lambda: None)
    result = world.app.abort()
    assert result
    assert result.outcome is Outcome.deployed
    status = world.app.status()
    assert (status.ok, status.previous) == (True, None)


def test_what_the_engine_left_unfinished_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deployment that was stopped gave up on the engine: 3, not that nothing was touched."""
    world = World()
    world.good("one")
    world.killed_in("checking", lambda: world.deploy("two"))
    held(world, monkeypatch, world.backend.goes_away)
    result = world.app.abort()
    assert result
    assert (result.outcome, result.exit_code) == (Outcome.unfinished, 3)


def test_the_waiting_can_be_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is not known to be safe: unfinished, 3, and the holder goes on stopping."""
    world = World()
    world.good("one")
    world.killed_in("checking", lambda: world.deploy("two"))
    world.state.lock.held_by = Holder(4711, "somebody@there", world.clock.time(), "deploy")
    cancel = Flag()
    monkeypatch.setattr(world.clock, "sleep", lambda _: cancel.set())
    result = world.app.abort(cancel=cancel)
    assert result
    assert (result.exit_code, world.last.state.name, world.state.lock.aborted) == (3, "checking", True)


def test_an_abort_of_what_died_can_be_cancelled_too() -> None:
    """It does what recover does, signals included: what served is made safe."""
    world = World()
    world.good("one")
    world.killed_in("starting", lambda: world.deploy("two"))
    cancel = Flag()
    cancel.set()
    result = world.app.abort(cancel=cancel)
    assert result
    assert (result.outcome, world.serves) == (Outcome.interrupted, ["one"])
