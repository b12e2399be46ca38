"""A deployment that is killed, wherever: the next command finishes it, and everything agrees."""

import functools
import itertools
from collections.abc import Callable
from threading import Event as Flag

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploykit.errors import Outcome
from deploykit.events import Resumed
from deploykit.observers.lines import Narrator
from deploykit.protocols import Identity
from deploykit.record import Record
from deploykit.states import UNTOUCHED, State
from deploykit.testing import Moment
from tests.unit.scenarios import DEPLOYS, ROLLBACKS, Scenario, agree, kills
from tests.unit.world import World, name


def left_in(row: Record | None) -> State | None:
    return row.state if row and not row.ended else None


@pytest.mark.parametrize("scenario", DEPLOYS, ids=str)
def test_recover_finishes_a_killed_deploy(scenario: Scenario) -> None:
    """recover: abandoned before starting; from there on it goes on; the exit code is that of what it finished."""
    seen = set()
    for world, moment, row in kills(scenario):
        seen.add(left_in(row))
        result = world.recover()
        agree(world)
        assert (result is None) == (left_in(row) is None), moment
        if result is not None:
            assert (result.outcome, moment) == (ends(row, scenario), moment)
            assert [event.state for event in world.events if isinstance(event, Resumed)] == [left_in(row)]
        assert world.recover() is None
    expected = {State.pending, State.saved, State.pulling, State.starting, None}
    assert expected <= seen
    assert (State.checking in seen) == (not (scenario.bad and scenario.batches))
    assert (State.rolling_back in seen) == (scenario.bad and not scenario.kept)
    assert (State.preparing in seen) == scenario.prepares
    assert (State.promoting in seen) == (scenario.rolling and not scenario.bad)


def ends(row: Record | None, scenario: Scenario) -> Outcome:
    assert row
    if row.state in UNTOUCHED or scenario.kept:
        return Outcome.untouched
    return Outcome.rolled_back if scenario.bad else Outcome.deployed


@pytest.mark.parametrize("scenario", DEPLOYS, ids=str)
def test_run_finishes_a_killed_deploy_and_begins_its_own(scenario: Scenario) -> None:
    """run: finishes what was left as recover does, then begins its own deployment whatever the old end was."""
    for world, moment, row in kills(scenario):
        result = world.deploy("four")
        agree(world)
        assert (result.outcome, set(world.serves), moment) == (Outcome.deployed, {"four"}, moment)
        if row and not row.ended:
            (finished,) = [one for one in world.rows if one.number == row.number]
            assert finished.outcome is ends(row, scenario)


@pytest.mark.parametrize("scenario", DEPLOYS, ids=str)
def test_rollback_undoes_a_killed_deploy(scenario: Scenario) -> None:
    """rollback: a deploy that was under way and is undone is the rollback asked for; else it follows."""
    for world, moment, row in kills(scenario):
        state, rows = left_in(row), len(world.rows)
        result = world.rollback()
        agree(world)
        assert (result.exit_code, moment) == (0, moment)
        undone = state in {State.starting, State.checking, State.rolling_back}
        assert (len(world.rows) - rows, moment) == (0 if undone else 1, moment)
        assert (set(world.serves), moment) == ({"two"} if undone or served_three(row) else {"one"}, moment)


def served_three(row: Record | None) -> bool:
    return row is not None and (row.state is State.promoting or row.good)


@pytest.mark.parametrize("scenario", ROLLBACKS, ids=str)
@pytest.mark.parametrize("verb", ["recover", "run", "rollback"])
def test_every_verb_finishes_a_killed_rollback(scenario: Scenario, verb: str) -> None:
    """A killed rollback goes on from starting and checking, and is then the one asked for; else one follows."""
    for world, moment, row in kills(scenario):
        state, rows = left_in(row), len(world.rows)
        if verb == "recover":
            result = world.recover()
            assert result is None or result.exit_code == (1 if state in UNTOUCHED else 0), moment
        elif verb == "run":
            assert world.deploy("four").exit_code == 0
            assert set(world.serves) == {"four"}
        elif row is None or state in UNTOUCHED or not row.good:
            assert world.rollback().exit_code == 0
            follows = state not in {State.starting, State.checking}
            assert (set(world.serves), moment) == ({"zero" if state is State.promoting else "one"}, moment)
            assert (len(world.rows) - rows, moment) == (int(follows), moment)
        agree(world)


def test_a_rollback_after_a_kill_in_promoting_goes_forward_and_then_back() -> None:
    """In promoting the deploy goes on, only forward; the rollback follows."""
    world = DEPLOYS[3].world()
    world.killed_in("promoting", lambda: world.deploy("three"))
    assert world.rollback().exit_code == 0
    assert [row.outcome for row in world.rows[:2]] == [Outcome.deployed, Outcome.deployed]
    assert world.serves == ["two"]
    agree(world)


@pytest.mark.parametrize("state", ["saved", "starting", "checking"])
@pytest.mark.parametrize("how", ["argument", "file"])
def test_a_rollback_that_names_a_release_finishes_the_row_as_recover_does(state: str, how: str) -> None:
    """A named rollback finishes the killed deploy first, without undoing it, then goes there."""
    world = World()
    world.good("oldest", "older", "one", "two")
    world.killed_in(state, lambda: world.deploy("three"))
    if how == "file":
        world.state.tag_text.text = "oldest"
    result = world.rollback("oldest" if how == "argument" else None)
    assert world.rows[1].outcome is (Outcome.untouched if state == "saved" else Outcome.deployed)
    assert result.exit_code == 0
    assert world.serves == ["oldest"]
    agree(world)


def test_an_abandoned_deploy_is_never_carried_live_later() -> None:
    """What was killed before starting is over: nothing of it is started by recover."""
    world = DEPLOYS[0].world()
    world.killed_in("pulling", lambda: world.deploy("three"))
    starts = world.moments.calls.count("backend.start")
    result = world.recover()
    assert result
    assert (result.exit_code, world.moments.calls.count("backend.start")) == (1, starts)
    assert result.failure
    assert "Abandoned in pulling" in result.failure.summary


def test_a_killed_first_deploy_is_finished_too() -> None:
    """With nothing to go back to, recovery goes forward, and a rollback has nowhere to go."""
    for number in itertools.count():
        world = World()
        world.backend.release("one").crashes()
        if world.killed_at(number, functools.partial(world.deploy, "one")) is None:
            break
        left = world.rows[0].state if world.rows and not world.rows[0].ended else None
        result = world.recover()
        if left:
            assert result
            assert result.exit_code == (1 if left in UNTOUCHED else 4)
        assert all(row.ended for row in world.rows)


def test_a_killed_deploy_with_restoring_switched_off_keeps_its_switch() -> None:
    """What was asked for is in the row: recovery does not restore what was not to be restored, but rollback does."""
    world = DEPLOYS[2].world()
    world.killed_in("checking", lambda: world.deploy("three", rollback=False))
    result = world.recover()
    assert result
    assert result.outcome is Outcome.left_unhealthy

    world = DEPLOYS[2].world()
    world.killed_in("checking", lambda: world.deploy("three", rollback=False))
    assert world.rollback().exit_code == 0
    assert [row.outcome for row in world.rows[:2]] == [Outcome.deployed, Outcome.left_unhealthy]
    assert world.serves == ["two"]


def test_an_interrupted_and_then_killed_deploy_is_still_undone_by_rollback() -> None:
    """A deploy that was undone makes rollback exit 0, whatever stopped it first."""
    world = DEPLOYS[0].world()
    interruption = world.interrupted_in("checking")
    world.killed_in("rolling_back", lambda: world.deploy("three", cancel=interruption))
    world.moments.hooks.clear()
    result = world.rollback()
    assert (result.exit_code, result.outcome) == (0, Outcome.interrupted)
    assert world.serves == ["two"]
    assert len(world.rows) == 4


def test_recover_ends_with_the_code_of_an_interrupted_deploy() -> None:
    """The interrupt that a killed deploy had seen is in its row."""
    world = DEPLOYS[0].world()
    interruption = world.interrupted_in("checking")
    world.killed_in("rolling_back", lambda: world.deploy("three", cancel=interruption))
    world.moments.hooks.clear()
    result = world.recover()
    assert result
    assert result.exit_code == 143 if interruption.cause.value == "SIGTERM" else 130


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    scenario=st.sampled_from([*DEPLOYS, *ROLLBACKS]),
    moments=st.lists(st.integers(0, 70), min_size=2, max_size=4),
    verbs=st.lists(st.sampled_from(["recover", "run", "rollback"]), min_size=4, max_size=4),
)
def test_recovery_may_be_killed_too(scenario: Scenario, moments: list[int], verbs: list[str]) -> None:
    """However often and wherever it is killed, whatever is called next, in the end everything agrees."""
    world = scenario.world()
    run: dict[str, Callable[[], object]] = {
        "recover": world.recover,
        "run": lambda: world.deploy("four"),
        "rollback": world.rollback,
    }
    world.killed_at(moments[0], lambda: scenario.act(world))
    for moment, verb in zip(moments[1:], verbs, strict=False):
        world.killed_at(moment, run[verb])
    world.recover()
    agree(world)


@pytest.mark.parametrize("state", ["starting", "checking", "rolling_back", "promoting"])
def test_an_engine_that_is_away_for_a_while_is_waited_for(state: str) -> None:
    """From starting on an engine that cannot be reached is waited for, up to 60 s; then the deployment goes on."""
    world = (DEPLOYS[4] if state == "rolling_back" else DEPLOYS[3]).world()
    world.when("journal.update", "after", lambda: None)
    _goes_away_in(world, state, 55)
    result = world.deploy("three")
    assert result.outcome is (Outcome.rolled_back if state == "rolling_back" else Outcome.deployed)
    agree(world)


@pytest.mark.parametrize("state", ["starting", "checking", "rolling_back", "promoting"])
def test_an_engine_that_stays_away_leaves_the_row_unfinished(state: str) -> None:
    """After 60 s: unfinished, exit 3; recover goes on; run begins nothing of its own while it stays unfinished."""
    world = (DEPLOYS[4] if state == "rolling_back" else DEPLOYS[3]).world()
    _goes_away_in(world, state, float("inf"))
    began = world.clock.now()
    result = world.deploy("three")
    assert (result.outcome, result.exit_code, result.state.name) == (Outcome.unfinished, 3, state)
    assert 60 <= world.clock.now() - began < 75
    assert result.serving is None
    assert not world.last.ended
    world.backend.comes_back()
    finished = world.recover()
    assert finished
    assert finished.outcome is (Outcome.rolled_back if state == "rolling_back" else Outcome.deployed)
    agree(world)


@pytest.mark.parametrize("verb", ["run", "rollback", "rollback one"])
def test_nothing_new_begins_while_the_row_stays_unfinished(verb: str) -> None:
    """When what was left cannot be finished, no other deployment begins: 3."""
    world = DEPLOYS[0].world()
    world.killed_in("checking", lambda: world.deploy("three"))
    world.when("backend.identity", "after", world.backend.goes_away)
    if verb == "run":
        result = world.deploy("four")
    else:
        result = world.rollback("one" if verb.endswith("one") else None)
    assert (result.outcome, result.exit_code) == (Outcome.unfinished, 3)
    assert len(world.rows) == 4


def test_an_engine_that_comes_back_with_errors_first_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong while it is asked whether it is back does not end the deployment without an end."""
    world = DEPLOYS[0].world()

    def fails() -> Identity:
        if world.clock.now() < back:
            raise ValueError("502 Bad Gateway")
        return Identity("fake-engine", "fake")

    back = world.clock.now() + 10
    world.when("backend.start", "before", lambda: monkeypatch.setattr(world.backend, "identity", fails))
    world.when("backend.start", "before", lambda: world.backend.goes_away(10))
    assert world.deploy("three").outcome is Outcome.deployed
    agree(world)


def test_an_engine_that_answers_its_ping_alone_is_not_waited_for_ever() -> None:
    """An engine whose ping answers and whose work does not is given up as well."""
    world = DEPLOYS[0].world()

    def hook(moment: Moment) -> None:
        if moment == Moment("backend.start", "before"):
            world.backend.goes_away(0.3)

    world.moments.hooks.append(hook)
    assert world.deploy("three").outcome is Outcome.unfinished


def _goes_away_in(world: World, state: str, seconds: float) -> None:
    def hook(moment: Moment) -> None:
        if moment == Moment("journal.update", "after") and world.last.state.name == state:
            world.moments.hooks.remove(hook)
            world.backend.goes_away(seconds)

    world.moments.hooks.append(hook)


# A journal that cannot be written.


def test_a_full_disk_before_anything_began_leaves_no_row() -> None:
    """When not even the row can be written: exit 2, nothing touched."""
    from deploykit.errors import ConfigError

    world = DEPLOYS[0].world()
    world.state.disk_full = True
    with pytest.raises(ConfigError, match="nothing was touched"):
        world.deploy("three")
    assert len(world.rows) == 3


def test_room_that_cannot_be_reserved_is_a_failure_before_starting() -> None:
    """A disk without room for the journal's remaining pages: untouched, 1, told by its reason."""
    from deploykit.errors import JournalError

    world = DEPLOYS[0].world()

    def full() -> None:
        raise JournalError("the journal cannot be written: the disk is full")

    world.when("journal.reserve", "before", full)
    result = world.deploy("three")
    assert (result.outcome, result.exit_code) == (Outcome.untouched, 1)
    assert result.failure
    assert "disk is full" in result.failure.summary
    agree(world)


@pytest.mark.parametrize("state", ["saved", "pulling", "starting"])
def test_a_move_that_cannot_be_written_before_anything_is_replaced_stops_it(state: str) -> None:
    """Nothing is replaced whose move is not in the journal; the next command finishes what is left."""
    from deploykit.errors import ConfigError

    world = DEPLOYS[0].world()
    _disk_is_full_from(world, state)
    with pytest.raises(ConfigError, match="nothing was touched"):
        world.deploy("three")
    assert world.serves == ["two"]
    world.state.disk_full = False
    world.moments.hooks.clear()
    world.recover()
    agree(world)


@pytest.mark.parametrize("state", ["checking", "promoting", "healthy"])
def test_a_move_that_cannot_be_written_later_is_told_by_the_exit_code(state: str) -> None:
    """From starting on what serves comes first: it is carried through or restored, and the exit code says 3."""
    world = DEPLOYS[3].world()
    _disk_is_full_from(world, state)
    result = world.deploy("three")
    assert (result.outcome, result.exit_code) == (Outcome.unfinished, 3)
    assert world.serves == [name(result.serving)]
    assert world.serves == (["two"] if state == "checking" else ["three"])
    world.state.disk_full = False
    world.moments.hooks.clear()
    assert world.recover()
    agree(world)


@pytest.mark.parametrize("state", ["rolling_back", "rolled_back"])
def test_a_restore_is_carried_out_although_it_cannot_be_written(state: str) -> None:
    """A full disk does not stand in the way of what served."""
    world = DEPLOYS[2].world()
    _disk_is_full_from(world, state)
    result = world.deploy("three")
    assert (result.outcome, result.exit_code) == (Outcome.unfinished, 3)
    assert world.serves == ["two"]
    world.state.disk_full = False
    world.moments.hooks.clear()
    world.recover()
    agree(world)


def _disk_is_full_from(world: World, state: str) -> None:
    """Let every write fail from the move to that state on."""
    order = {"saved": 1, "pulling": 2, "starting": 3, "checking": 4, "promoting": 5, "rolling_back": 5}
    _disk_is_full_at(world, order.get(state, 6))


def _disk_is_full_at(world: World, writes: int) -> None:
    """Let the write of that number, and all later ones, fail."""

    def hook(moment: Moment) -> None:
        nonlocal writes
        if moment == Moment("journal.update", "before"):
            writes -= 1
            world.state.disk_full = writes <= 0

    world.moments.hooks.append(hook)


@pytest.mark.parametrize("bad", [False, True])
def test_an_end_that_is_not_in_the_journal_is_not_told_as_completed(bad: bool) -> None:
    """The runbook's last line never stands beside exit code 3: scripts take it for a deploy that is over."""
    world = DEPLOYS[2 if bad else 3].world()
    _disk_is_full_from(world, "rolled_back" if bad else "healthy")
    world.events.clear()
    assert world.deploy("three").exit_code == 3
    narrator = Narrator()
    story = [text for event in world.events for _, text in narrator(event)]
    assert any("LOOK NOW" in text for text in story)
    assert not any("completed successfully" in text for text in story)


def test_a_rollback_whose_end_is_not_in_the_journal_does_not_exit_0() -> None:
    """What undid a killed deploy, but could not be written, is unfinished like any other: 3."""
    world = DEPLOYS[0].world()
    world.killed_in("checking", lambda: world.deploy("three"))
    _disk_is_full_at(world, 2)
    result = world.rollback()
    assert (result.outcome, result.exit_code, world.serves) == (Outcome.unfinished, 3, ["two"])


@pytest.mark.parametrize("how", ["killed", "interrupted"])
def test_what_still_serves_is_told_by_a_deployment_that_never_looked(how: str) -> None:
    """An end in pending, before the runtime was asked, does not tell people that nothing serves."""
    world = DEPLOYS[0].world()
    if how == "killed":
        world.killed_when("backend.running", "before", lambda: world.deploy("three"))
        result = world.recover()
    else:
        cancel = Flag()
        cancel.set()
        result = world.deploy("three", cancel=cancel)
    assert result
    assert (result.state.name, name(result.serving), name(result.previous)) == ("failed", "two", "one")
