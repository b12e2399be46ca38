"""A verb under the lock: what it opens, and what counts as the rollback that was asked for."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from deploykit.errors import ConfigError, EngineUnreachable, Interrupted, Locked, Outcome
from deploykit.events import Event, Finished
from deploykit.interrupt import Cause, Interruption
from deploykit.protocols import Holder, Identity
from deploykit.record import Kind
from deploykit.session import fulfils_rollback, open_session
from deploykit.states import State
from deploykit.testing import Moment
from tests.unit.made import image, row
from tests.unit.world import World, refuses


@pytest.mark.parametrize(
    ("kind", "found", "ended", "fulfils"),
    [
        (Kind.deploy, State.pulling, State.failed, False),
        (Kind.deploy, State.checking, State.rolled_back, True),
        (Kind.deploy, State.starting, State.rolled_back, True),
        (Kind.deploy, State.checking, State.failed, False),
        (Kind.deploy, State.promoting, State.healthy, False),
        (Kind.deploy, State.rolling_back, State.rolled_back, True),
        (Kind.deploy, State.rolling_back, State.failed, True),
        (Kind.rollback, State.pulling, State.failed, False),
        (Kind.rollback, State.checking, State.healthy, True),
        (Kind.rollback, State.checking, State.rolled_back, True),
        (Kind.rollback, State.promoting, State.healthy, False),
        (Kind.rollback, State.rolling_back, State.rolled_back, True),
    ],
)
def test_what_finishing_a_killed_run_makes_of_a_rollback(
    kind: Kind, found: State, ended: State, *, fulfils: bool
) -> None:
    """A deploy that was undone, and a rollback that was gone on with, are the one that was asked for."""
    assert fulfils_rollback(row(1, kind, found), row(1, kind, ended)) is fulfils


@dataclass
class Onlooker:
    """An observer at which somebody looks on, or does not."""

    live: bool

    def __call__(self, event: Event) -> None:
        """Note nothing."""


@pytest.mark.parametrize("live", [True, False])
def test_the_runtime_knows_whether_somebody_looks_on(*, live: bool) -> None:
    """So that it tells as much as it can, or no more than a log should have."""
    world = World()
    for observers, expected in [((), False), ((lambda event: None, Onlooker(live)), live)]:
        parts = replace(world.app._parts, observers=observers)
        with open_session(parts, "deploy", 0, Interruption()) as session:
            assert session.tools.control.live is expected


def test_a_session_holds_the_lock_and_knows_the_engine() -> None:
    """The lock first; then the journal of that engine's project."""
    world = World()
    with open_session(world.app._parts, "deploy", 0, Interruption()) as session:
        holder = world.state.lock.holder()
        assert holder
        assert holder.doing == "deploy"
        assert session.identity == Identity("fake-engine", "fake")
        assert session.journal.begin(row(0, state=State.pending)).engine == "fake-engine"
    assert world.state.lock.holder() is None


def test_the_lock_is_free_again_when_nothing_began() -> None:
    """Whatever was in the way: an engine that is away, or an error inside."""
    world = World()
    world.backend.goes_away()
    with pytest.raises(EngineUnreachable), open_session(world.app._parts, "deploy", 0, Interruption()):
        pass
    assert world.state.lock.holder() is None


def test_nothing_is_asked_of_the_engine_without_the_lock() -> None:
    """Another deployment may be at it; nor with a state folder that cannot be used."""
    world = World()
    world.state.lock.held_by = Holder(4711, "eve@ci", 0.0, "deploy")
    with pytest.raises(Locked), open_session(world.app._parts, "deploy", 0, Interruption()):
        pass
    world.state.unusable = "it belongs to root"
    with pytest.raises(ConfigError, match="root"), open_session(world.app._parts, "deploy", 0, Interruption()):
        pass
    assert world.moments.calls == []


def test_an_abort_reaches_the_session() -> None:
    """Its interruption is asked for by whoever calls `abort`."""
    world = World()
    interruption = Interruption()
    with open_session(world.app._parts, "deploy", 0, interruption):
        interruption.check()
        assert world.state.lock.request_abort()
        with pytest.raises(Interrupted):
            interruption.check()
    assert interruption.cause is Cause.sigterm


def test_today_s_files_are_read_once() -> None:
    """For each image: a file that changes in the middle of a deploy belongs to the next one."""
    world = World()
    with open_session(world.app._parts, "deploy", 0, Interruption()) as session:
        first = session.snapshot(image("one"))
        world.backend.today["app.conf"] = b"changed\n"
        assert session.snapshot(image("one")) == first
        assert session.snapshot(image("two")) != first


@pytest.mark.parametrize("error", [refuses("docker ps failed"), lambda: ValueError("a plug-in's bug")])
def test_a_runtime_that_cannot_say_what_runs_does_not_take_the_result_away(error: Callable[[], Exception]) -> None:
    """A deployment that began ends with a result and its last event, whatever the runtime refuses."""
    world = World()

    def hook(moment: Moment) -> None:
        if moment == Moment("backend.running", "before"):
            raise error()

    with world.moments.hooked(hook):
        result = world.deploy("one")
    assert (result.outcome, result.exit_code, result.serving) == (Outcome.untouched, 1, None)
    assert isinstance(world.events[-1], Finished)


def test_two_deploys_of_one_process_do_not_meet() -> None:
    """The second thread gets Locked while the first is at it."""
    world = World()
    refused: list[BaseException] = []

    def second() -> None:
        try:
            world.deploy("two")
        except Locked as error:
            refused.append(error)

    def meanwhile() -> None:
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()

    world.when("backend.start", "before", meanwhile)
    assert world.deploy("one").exit_code == 0
    assert len(refused) == 1
    assert world.serves == ["one"]
