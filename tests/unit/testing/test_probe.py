"""A probe that asks the fake's instances, and the fake itself."""

import pytest

from deploykit.errors import EngineUnreachable
from deploykit.testing import FakeProbe
from tests.unit.world import World


def test_it_passes_when_every_instance_does() -> None:
    """As its script says at that time; it notes when it looked."""
    world = World()
    probe = FakeProbe(world.backend)
    world.backend.release("one").turns_unhealthy(after=60).warns("slow")
    world.deploy("one")
    (one,) = world.backend.running().instances  # type: ignore[union-attr]  # it runs
    began = world.clock.now()
    assert probe.look([one], 5).healthy
    assert probe.look([one], 5).warnings == ("slow",)
    world.clock.advance(60)
    assert probe.look([one], 5).reason == "answers 500"
    assert probe.looks == [began, began, began + 60]


def test_no_instance_is_not_healthy() -> None:
    """Nor is one that is gone."""
    world = World()
    world.good("one")
    (one,) = world.backend.running().instances  # type: ignore[union-attr]  # it runs
    probe = FakeProbe(world.backend, "web")
    assert probe.look([], 5).reason == "no instance to ask"
    world.backend.present.clear()
    assert probe.look([one], 5).reason == "connection refused"
    assert (probe.name, probe.service) == ("fake web", "web")


def test_a_look_takes_its_time_and_no_more_than_it_is_given() -> None:
    """Then it is an answer that did not come."""
    world = World()
    world.good("one")
    (one,) = world.backend.running().instances  # type: ignore[union-attr]  # it runs
    probe = FakeProbe(world.backend, takes=2)
    began = world.clock.now()
    assert probe.look([one], 5).healthy
    assert probe.look([one], 1).reason == "no answer within 1s"
    assert world.clock.now() - began == 3


def test_an_engine_can_go_away_and_come_back() -> None:
    """For a while, or until it is told to."""
    world = World()
    world.backend.goes_away(10)
    with pytest.raises(EngineUnreachable):
        world.backend.identity()
    world.clock.advance(10)
    world.backend.identity()
    world.backend.goes_away()
    world.clock.advance(1e6)
    with pytest.raises(EngineUnreachable):
        world.backend.running()
    world.backend.comes_back()
    assert world.backend.running() is None


def test_what_serves_by_hand_was_started_long_ago_and_has_no_labels() -> None:
    """In each service, in place of what ran."""
    world = World()
    world.backend.services = ("web", "worker")
    world.good("one")
    world.backend.serving("zero")
    running = world.backend.running()
    assert running
    assert (running.image.tag, running.release, running.fingerprint) == ("zero", None, None)
    assert [one.service for one in running.instances] == ["web", "worker"]
    assert all((one.started_at or 0) < world.clock.time() - 3600 for one in running.instances)
