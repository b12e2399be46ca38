"""The table of states as a diagram."""

from deploykit.graph import drawing, mermaid
from deploykit.states import INITIAL, TERMINAL, TRANSITIONS, State, Transition

WAYS = [(source, row) for row in TRANSITIONS for source in row.sources]


def arrow(source: State, row: Transition) -> str:
    guard = {True: " [restorable]", False: " [not restorable]", None: ""}[row.restorable]
    return f"{source.name} --> {row.target.name}: {row.trigger.name}{guard}"


def test_mermaid_has_every_transition_once() -> None:
    """And where it begins, and where it ends."""
    wanted = [f"[*] --> {INITIAL.name}", *(f"{state.name} --> [*]" for state in TERMINAL)]
    wanted += [arrow(source, row) for source, row in WAYS]
    kind, *lines = mermaid().splitlines()
    assert kind == "stateDiagram-v2"
    assert sorted(line.strip() for line in lines) == sorted(wanted)


def test_the_drawing_has_every_transition_below_its_state() -> None:
    """Every state once; which one begins and which end is marked; with when it is taken."""
    found, state, marks = [], "", {}
    for line in drawing().splitlines():
        if line.startswith("("):
            state = line[4:]
            marks[state] = line[:3]
        elif line.startswith(" |- "):
            found.append((state, line.removeprefix(" |- ").replace("-", "")))
    wanted = [(source.name, row) for source, row in WAYS]
    assert len(found) == len(wanted)
    for source, row in wanted:
        when = f": {row.when}" if row.when else ""
        assert (source, f"{row.trigger.name}> {row.target.name}{when}".replace("-", "")) in found
    assert list(marks) == [state.name for state in State]
    assert {name for name, mark in marks.items() if mark == "(x)"} == {state.name for state in TERMINAL}
    assert [name for name, mark in marks.items() if mark == "(*)"] == [INITIAL.name]


def test_the_drawing_fits_every_terminal() -> None:
    """80 columns, and letters that each of them has."""
    assert drawing().isascii()
    assert max(map(len, drawing().splitlines())) <= 80
