"""The figures in the README are those that were measured, and each says how."""

import re
from pathlib import Path

import pytest

from tests.unit.test_docs import DOCS, README, rows


def figures(page: Path) -> dict[tuple[str, str, str], float]:
    """What the page of the benchmarks measured, in seconds: by case, what, and whose."""
    found: dict[tuple[str, str, str], float] = {}
    case = ""
    for line in page.read_text().splitlines():
        case = line.removeprefix("## ") if line.startswith("## ") else case
        if row := re.match(r"\| ([^|]+) \| ([^|]+) \| ([\d.]+) s \|", line):
            found[case, row[1], row[2]] = float(row[3])
    return found


@pytest.mark.parametrize(
    ("row", "case", "what"),
    [
        ("good deploy", "A good release", "wall time"),
        ("outage in it", "A good release", "outage"),
        ("crashing release: outage", "A release that exits at once", "outage"),
        ("crashing release: until it is over", "A release that exits at once", "until it is over"),
        ("answers 500: until it is over", "A release that answers 500", "until it is over, beyond the budget of 10 s"),
        ("rollback by hand", "Rollback by hand", "wall time"),
    ],
)
def test_our_figures_in_the_readme_are_those_that_were_measured(row: str, case: str, what: str) -> None:
    """Rounded; a new run of the benchmarks asks for a new table."""
    text = README.read_text()
    told = next(line for line in text.splitlines() if line.startswith(f"| {row} |")).split(" | ")[1:4]
    measured = figures(DOCS / "performance.md")
    compared = 0
    for cell, whose in zip(told, ("deploykit", "deploy.sh", "compose up"), strict=True):
        if (case, what, whose) in measured:
            (said, *_) = re.findall(r"\d+(?:\.\d)?", cell)
            assert float(said) == pytest.approx(measured[case, what, whose], rel=0.01, abs=0.06)
            compared += 1
    assert compared >= 2


RIVALS = {
    "good deploy": "a good deploy takes",
    "outage in it": "outage in it",
    "crashing release: outage": "a release that exits: outage",
    "crashing release: until it is over": "a release that exits: until it is over",
    "answers 500: until it is over": "one that answers 500: until it is over",
    'answers 200 with `{"ok": false}`': 'one that answers 200 and `{"ok": false}`',
}
"""The rows of the README's table, and what they are called in that of which-tool.md."""


def test_every_figure_in_the_readme_says_how_it_was_got() -> None:
    """By the number of a source, which is told above the table."""
    _, *table = [cells for cells in rows(README) if len(cells) == 7]
    figures = [one.strip() for _, *cells in table for cell in cells for one in cell.split(";")]
    assert not [one for one in figures if one != "\N{EN DASH}" and one[-1] not in "¹²³"]
    assert all(f"\n- {mark} " in README.read_text() for mark in "¹²³")


@pytest.mark.parametrize("rival", ["docker-rollout 0.13", "Kamal 2.12", "Swarm 20.10"])
def test_the_figures_of_rivals_are_those_of_the_page_about_them(rival: str) -> None:
    """Rounded: to a whole second from 10 s on."""
    header, *table = [cells for cells in rows(README) if len(cells) == 7]
    names, *measured = [cells for cells in rows(DOCS / "explanation" / "which-tool.md") if len(cells) == 6]
    found = {cells[0]: cells[names.index(rival)].removesuffix(" s") for cells in measured}
    told = {cells[0]: cells[header.index(rival)].removesuffix(" ²") for cells in table}
    for row, theirs in RIVALS.items():
        figure = found[theirs]
        exact = figure == "passes" or float(figure) < 10
        assert told[row] == (figure if exact else f"{float(figure):.0f}"), row
