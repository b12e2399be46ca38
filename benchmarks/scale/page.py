"""The tables of `docs/explanation/scale.md`, made of the results; the words around them are written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.results import read

if TYPE_CHECKING:
    from benchmarks.results import CaseResult, Measure, Results

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "scale.md"
RESULTS = ROOT / "benchmarks" / "results" / "scale.json"
BEGIN, END = "<!-- Written by `python -m benchmarks.scale report`. -->", "<!-- Until here. -->"


def write(results: Path) -> None:
    """Put the tables of the results into the page."""
    PAGE.write_text(with_tables(PAGE.read_text(), read(results)))


def with_tables(text: str, results: Results) -> str:
    """Return a page with the tables of these results in their place."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{tables(results)}\n{END}{rest.partition(END)[2]}"


def tables(results: Results) -> str:
    """Return a table for each case, and what it was measured on."""
    facts = ", ".join(f"{name} {value}" for name, value in results.machine.items())
    last = results.cases[-1]
    told = f"\nMedians. `{last.command}` ({last.date}, load average {last.load:g}; {facts})\n"
    return "".join(map(_table, results.cases)) + told


def _table(case: CaseResult) -> str:
    series = list(case.measures[0].samples)
    head = "| | " + " | ".join(measure.title for measure in case.measures) + " | n |\n"
    line = "|---|" + "---:|" * (len(case.measures) + 1) + "\n"
    rows = "".join(_row(name, case.measures) for name in series)
    return f"\n**{case.title}.** {case.about}\n\n{head}{line}{rows}"


def _row(series: str, measures: tuple[Measure, ...]) -> str:
    figures = " | ".join(_figure(measure.median(series), measure.unit) for measure in measures)
    return f"| {series} | {figures} | {len(measures[-1].samples[series])} |\n"


def _figure(value: float | None, unit: str) -> str:
    assert value is not None  # what does not do what is measured stops the run
    text = f"{value:,.0f}" if unit in {"", "MiB"} or value >= 100 else f"{value:.2f}" if value < 10 else f"{value:.1f}"
    return f"{text} {unit}".strip()
