"""The table of states as a diagram: for Mermaid, and for a terminal."""

from collections.abc import Iterator

from deploykit.states import INITIAL, TERMINAL, TRANSITIONS, State, Transition

_GUARDS = {True: " [restorable]", False: " [not restorable]", None: ""}


def mermaid() -> str:
    """Return the diagram as Mermaid's text."""
    arrows = [f"{source.name} --> {row.target.name}: {_label(row)}" for row in TRANSITIONS for source in row.sources]
    ends = [f"{state.name} --> [*]" for state in State if state in TERMINAL]
    return "\n".join(["stateDiagram-v2", *(f"    {line}" for line in (f"[*] --> {INITIAL.name}", *arrows, *ends))])


def drawing() -> str:
    """Return the diagram as plain text of at most 80 columns: each state with its ways out; (*) begins, (x) ends."""
    return "\n".join(line for state in State for line in _drawn(state))


def _label(row: Transition) -> str:
    return f"{row.trigger.name}{_GUARDS[row.restorable]}"


def _drawn(state: State) -> Iterator[str]:
    mark = "(*)" if state is INITIAL else "(x)" if state in TERMINAL else "( )"
    yield f"{mark} {state.name}"
    for row in TRANSITIONS:
        if state in row.sources:
            when = f": {row.when}" if row.when else ""
            yield f" |- {row.trigger.name:-<8}> {row.target.name}{when}"
    if state not in TERMINAL:
        yield " |"
