"""`docs/explanation/machine.svg`: the table of states, drawn. `python -m scripts.diagram` writes it.

The states have their places here; the arrows are those of the table, each with a title that says it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deploykit.states import INITIAL, TERMINAL, TRANSITIONS, State, Transition

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PICTURE = Path(__file__).parents[1] / "docs" / "explanation" / "machine.svg"
WIDTH, HEIGHT = 132, 34
"""Of a state's box."""
_LEFT, _MIDDLE, _RIGHT = 310, 590, 790
PLACES = {
    State.pending: (_LEFT, 60),
    State.saved: (_LEFT, 140),
    State.pulling: (_LEFT, 220),
    State.preparing: (_LEFT, 300),
    State.starting: (_LEFT, 380),
    State.checking: (_LEFT, 500),
    State.promoting: (_LEFT, 580),
    State.healthy: (_LEFT, 660),
    State.rolling_back: (_MIDDLE, 440),
    State.rolled_back: (_MIDDLE, 660),
    State.failed: (_RIGHT, 660),
}
"""The middle of each box. All that fails for good goes down one line to `failed`."""
_FILLS = {State.healthy: "#d8f0dc", State.rolled_back: "#fdf0c8", State.failed: "#f8d7d7"}
_GUARDS = {True: ": a way back", False: ": no way back", None: ""}
_HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 710" font-family="system-ui, sans-serif" font-size="14">
<!-- Written by `python -m scripts.diagram` from deploykit.states.TRANSITIONS. -->
<title>The states of a deployment</title>
<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto">
<path d="M0 0 10 5 0 10z" fill="#555"/></marker></defs>
<rect width="900" height="710" rx="8" fill="#fff"/>"""

Point = tuple[int, int]


def drawn() -> str:
    """Return the picture."""
    arrows = [line for row in TRANSITIONS for source in row.sources for line in _arrow(source, row)]
    x, y = PLACES[INITIAL]
    begin = _path("", [(x, 18), (x, y - HEIGHT // 2)])
    boxes = [line for state in State for line in _box(state)]
    return "\n".join([_HEAD, begin, *arrows, *boxes, "</svg>\n"])


def _arrow(source: State, row: Transition) -> Iterator[str]:
    label = f"{row.trigger.name}{_GUARDS[row.restorable]}"
    points, (x, y) = _route(source, row.target)
    yield _path(f"{source.name} → {row.target.name}: {label}", points)
    yield f'<text x="{x}" y="{y}" fill="#333" font-size="12">{label}</text>'


def _route(source: State, target: State) -> tuple[Sequence[Point], Point]:
    """Return the corners of an arrow, and the place of its words."""
    (x, y), (to_x, to_y) = PLACES[source], PLACES[target]
    if target is State.failed:
        return _to_failed(source)
    if x == to_x and not _between(source, target):
        return [(x, y + HEIGHT // 2), (to_x, to_y - HEIGHT // 2)], (x + 8, (y + to_y) // 2 + 4)
    if x == to_x:
        side = x - WIDTH // 2 - 50 * len(_between(source, target))
        start, end = y + 6, to_y - 6
        corners = [(x - WIDTH // 2, start), (side, start), (side, end), (x - WIDTH // 2, end)]
        return corners, (side + 6, start - 6)
    start, end = _towards(y, to_y), _towards(to_y, y)
    bend = to_x - WIDTH // 2 - 24
    corners = [(x + WIDTH // 2, start), (bend, start), (bend, end), (to_x - WIDTH // 2, end)]
    return corners, (x + WIDTH // 2 + 8, start + (15 if start > y else -6))


def _to_failed(source: State) -> tuple[Sequence[Point], Point]:
    (x, y), (bus, bottom) = PLACES[source], PLACES[State.failed]
    beside = PLACES[State.rolling_back][1]
    height = y + {State.starting: -8, State.checking: 8}.get(source, 0)
    corners = [(x + WIDTH // 2, height), (bus, height), (bus, bottom - HEIGHT // 2)]
    return corners, (x + WIDTH // 2 + 8, height + (15 if height > beside else -6))


def _between(source: State, target: State) -> list[State]:
    """Return the states that stand between two of one column."""
    (x, y), (_, to_y) = PLACES[source], PLACES[target]
    return [state for state, (at, height) in PLACES.items() if at == x and y < height < to_y]


def _towards(height: int, other: int) -> int:
    return height + (8 if other > height else -8)


def _path(title: str, points: Sequence[Point]) -> str:
    way = " ".join(f"{x},{y}" for x, y in points)
    named = f"<title>{title}</title>" if title else ""
    return f'<polyline points="{way}" fill="none" stroke="#555" marker-end="url(#tip)">{named}</polyline>'


def _box(state: State) -> Iterator[str]:
    x, y = PLACES[state]
    fill = _FILLS.get(state, "#e4ecf7")
    weight = 2 if state in TERMINAL else 1
    place = f'x="{x - WIDTH // 2}" y="{y - HEIGHT // 2}" width="{WIDTH}" height="{HEIGHT}" rx="6"'
    yield f'<rect {place} fill="{fill}" stroke="#555" stroke-width="{weight}"/>'
    yield f'<text x="{x}" y="{y + 5}" text-anchor="middle" fill="#111">{state.name}</text>'


if __name__ == "__main__":
    PICTURE.write_text(drawn())
