"""The one table: complete, reachable, unambiguous."""

from collections import defaultdict

import pytest
from transitions import MachineError

from deploykit.deployment.loop import HANDLERS
from deploykit.machine import DeploymentMachine
from deploykit.states import INITIAL, TERMINAL, TRANSITIONS, UNTOUCHED, State, Trigger

WAYS = [(source, one) for one in TRANSITIONS for source in one.sources]
ROWS = """
save      pending       saved
pull      saved         pulling
prepare   pulling       preparing
start     pulling       starting
start     preparing     starting
check     starting      checking
promote   checking      promoting
accept    pulling       healthy
accept    checking      healthy
accept    promoting     healthy
fail      starting      rolling_back  restorable
fail      checking      rolling_back  restorable
fail      starting      failed        not
fail      checking      failed        not
fail      pending       failed
fail      saved         failed
fail      pulling       failed
fail      preparing     failed
fail      rolling_back  failed
restore   rolling_back  rolled_back
"""


def test_the_table_is_the_one_of_the_design() -> None:
    """Every row of design section 3, and no other."""
    guards = {None: [], True: ["restorable"], False: ["not"]}
    ours = {(one.trigger.name, source.name, one.target.name, *guards[one.restorable]) for source, one in WAYS}
    assert ours == {tuple(line.split()) for line in ROWS.split("\n") if line}


def test_names_and_values_are_the_same() -> None:
    """The journal, the JSON and the machine all use one word for a state."""
    assert all(one.name == one.value for one in (*State, *Trigger))


def test_every_state_that_is_not_terminal_has_a_handler() -> None:
    """And a terminal one has none."""
    assert set(HANDLERS) == set(State) - TERMINAL


def test_every_state_can_be_reached_and_left() -> None:
    """From the initial state on; terminal ones cannot be left; a terminal one can be reached from everywhere."""
    ways = defaultdict(set)
    for source, one in WAYS:
        ways[source].add(one.target)
    assert _reachable(ways, INITIAL) == set(State)
    for state in set(State) - TERMINAL:
        assert _reachable(ways, state) & TERMINAL
    assert not any(ways[state] for state in TERMINAL)


def _reachable(ways: dict[State, set[State]], start: State) -> set[State]:
    found, fresh = {start}, {start}
    while fresh:
        fresh = {target for state in fresh for target in ways[state]} - found
        found |= fresh
    return found


def test_a_trigger_has_one_way_out_of_a_state_or_two_whose_guards_are_opposite() -> None:
    """So a trigger that the table has for a state always moves it, and to one place alone."""
    guards = defaultdict(list)
    for source, one in WAYS:
        guards[source, one.trigger].append(one.restorable)
    for found in guards.values():
        assert found == [None] or sorted(map(str, found)) == ["False", "True"]


def test_promoting_never_fails() -> None:
    """The new release serves: there is only forward."""
    assert not any(source is State.promoting and one.trigger is Trigger.fail for source, one in WAYS)


def test_every_state_that_fails_has_a_way_to_fail() -> None:
    """Whatever goes wrong, a handler may say fail, in every state but promoting."""
    failing = {source for source, one in WAYS if one.trigger is Trigger.fail}
    assert failing == set(State) - TERMINAL - {State.promoting}


def test_nothing_is_replaced_in_an_untouched_state() -> None:
    """They are those before starting."""
    assert {State.pending, State.saved, State.pulling, State.preparing} == UNTOUCHED


@pytest.mark.parametrize(("source", "one"), WAYS)
@pytest.mark.parametrize("restorable", [True, False])
def test_the_machine_moves_as_the_table_says(source: State, one: object, restorable: bool) -> None:
    """Resumed in any state; a guard that says no lets the other row through."""
    trigger = getattr(one, "trigger")  # noqa: B009 - parametrized
    machine = DeploymentMachine(source, lambda: restorable)
    targets = {
        way.target
        for at, way in WAYS
        if (at, way.trigger) == (source, trigger) and way.restorable in (None, restorable)
    }
    assert {machine.fire(trigger)} == targets
    assert machine.ended == (machine.state in TERMINAL)


@pytest.mark.parametrize("state", State)
def test_a_trigger_that_moves_nothing_raises(state: State) -> None:
    """A loop that asks for it would spin for ever."""
    known = {one.trigger for source, one in WAYS if source is state}
    for trigger in set(Trigger) - known:
        machine = DeploymentMachine(state, lambda: True)
        with pytest.raises(MachineError):
            machine.fire(trigger)
        assert machine.state is state


def test_a_guard_that_lets_nothing_through_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the table itself is wrong: `transitions` only returns False then."""
    monkeypatch.setattr("deploykit.machine.TRANSITIONS", [one for one in TRANSITIONS if one.restorable is not False])
    machine = DeploymentMachine(State.checking, lambda: False)
    with pytest.raises(RuntimeError, match="fail moves nothing from checking"):
        machine.fire(Trigger.fail)
