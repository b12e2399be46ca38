"""What a deployment tells its observers."""

from dataclasses import FrozenInstanceError

import pytest

from deploykit.errors import EngineUnreachable
from deploykit.events import Adopted, Event, Failed, Finished, LogRead, Looked, Moved, Pulled, Restoring, Saved, Started
from tests.unit.world import World


def told(world: World) -> list[type[Event]]:
    """The kinds of the events, several of one kind in a row told once."""
    kinds = [type(event) for event in world.events]
    return [kind for kind, before in zip(kinds, [None, *kinds], strict=False) if kind is not before]


def test_a_good_deploy_is_told_in_order() -> None:
    """From its row to its end; every event has its id, and times only grow."""
    world = World()
    world.good("one")
    world.events.clear()
    world.deploy("two")
    assert told(world) == [Started, Moved, Saved, Moved, Pulled, Moved, Looked, Moved, Finished]
    assert {event.id for event in world.events} == {"r2"}
    times = [event.at for event in world.events]
    assert times == sorted(times)


def test_a_failed_deploy_is_told_before_its_log_is_read() -> None:
    """The failure at once; then what is known of it, and what is done about it."""
    world = World()
    world.backend.serving("zero")
    world.backend.release("one").crashes(log="ImportError: courts")
    world.deploy("one")
    order = [kind for kind in told(world) if kind not in {Moved, Looked}]
    assert order == [Started, Adopted, Saved, Pulled, Failed, LogRead, Restoring, Finished]


def test_a_move_is_told_when_the_journal_has_it() -> None:
    """Never before: an observer that acts on it acts on what is true after a crash."""
    world = World()
    seen: list[tuple[str, str]] = []

    def observe(event: Event) -> None:
        if isinstance(event, Moved):
            seen.append((event.target.name, world.last.state.name))

    world.deploy("one", on_event=observe)
    assert [target for target, _ in seen] == ["saved", "pulling", "starting", "checking", "healthy"]
    assert all(target == state for target, state in seen)


def test_an_observer_that_fails_stops_nothing() -> None:
    """What it raises is dropped, and the others are told all the same."""
    world = World()
    tried: list[str] = []

    def broken(event: Event) -> None:
        tried.append(event.name)
        raise BrokenPipeError(32, "Broken pipe")

    world.backend.release("one").crashes()
    world.backend.serving("zero")
    assert world.deploy("one", on_event=broken).exit_code == 1
    assert tried == [event.name for event in world.events]
    assert world.serves == ["zero"]


def test_an_event_cannot_be_changed() -> None:
    """One observer cannot lie to the next."""
    world = World()
    world.deploy("one")
    with pytest.raises(FrozenInstanceError):
        world.events[0].id = "r9"  # type: ignore[misc]  # that is the point


def test_nothing_is_told_of_a_deployment_that_never_began() -> None:
    """A lock that is held, or an engine that is away, is an error and no event."""
    world = World()
    world.backend.goes_away()
    with pytest.raises(EngineUnreachable):
        world.deploy("one")
    assert world.events == []
