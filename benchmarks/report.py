"""`docs/performance.md`, made of the results: nothing in it is written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.results import read
from benchmarks.text import amount

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.results import CaseResult, Goal, Measure, Results, Series

ROOT = Path(__file__).parent.parent
REPORT = ROOT / "docs" / "performance.md"
PLOTS = "../benchmarks/results"
HEAD = """\
# Performance

<!-- Written by `python -m benchmarks report` from benchmarks/results/latest.json. -->

deploykit side by side with the plain script that it replaces ([`deploy.sh`](../benchmarks/deploy.sh)) and with Compose
alone, on the same images, round by round in turn, so that what else the machine does hits all alike. A client asks the
app's health URL every 20 ms meanwhile, with a patience of 1 s. A second container stands in the network of each, as a
database does: an empty bridge costs whoever deploys there up to a second more. (Cases that are dated 2026-11-25 02:30
or before had none.) What does not do what is measured stops the run.

`make bench` measures all of it, on any machine where `make test` finds or makes an engine; `python -m benchmarks CASE`
measures one case, `python -m benchmarks report` writes this page.

"""


def write(folder: Path) -> None:
    """Write the page of the results in a folder."""
    REPORT.write_text(page(read(folder / "latest.json")))


def page(results: Results) -> str:
    """Return the whole page."""
    facts = "".join(f"| {name} | {value} |\n" for name, value in results.machine.items())
    return HEAD + f"| machine | |\n|---|---|\n{facts}" + summary(results) + "".join(map(section, results.cases))


def summary(results: Results) -> str:
    """Return the table of goals: each beside what was measured."""
    goals = [(case, measure, goal) for case in results.cases for measure in case.measures for goal in measure.goals]
    rows = "".join(standing(*one) for one in goals)
    return f"\n## Goals\n\n| case | median of | at most | measured | |\n|---|---|---|---|---|\n{rows}"


def standing(case: CaseResult, measure: Measure, goal: Goal) -> str:
    """Return the row of a goal."""
    limit, value = (figure(measure, goal, one) for one in (goal.at_most, measure.value(goal)))
    link = f"[{case.title}](#{anchor(case.title)})"
    return f"| {link} | {measure.title}, {said(goal)} | {limit} | {value} | {verdict(measure, goal)} |\n"


def section(case: CaseResult) -> str:
    """Return what was measured in a case: the plot, the figures, and how to get them again."""
    lines = "".join(line for measure in case.measures for line in table(measure))
    head = "| | | median | min | max | n |\n|---|---|---:|---:|---:|---:|\n"
    when = f"{case.date}, load average {case.load:g}"
    plot = f"![{case.title}]({PLOTS}/{case.name}.svg)"
    return f"\n## {case.title}\n\n{case.about}\n\n{plot}\n\n{head}{lines}\n`{case.command}` ({when})\n"


def table(measure: Measure) -> Iterator[str]:
    """Yield a row for each series."""
    for name, series in measure.samples.items():
        low, high = extremes(series, measure.unit)
        middle = amount(measure.median(name), measure.unit)
        yield f"| {measure.title} | {name} | {middle} | {low} | {high} | {len(series)} |\n"


def extremes(series: Series, unit: str) -> tuple[str, str]:
    """Return the least and the greatest sample."""
    values = [value for value in series if value is not None]
    return (amount(min(values), unit), amount(max(values), unit)) if values else ("", "")


def said(goal: Goal) -> str:
    """Return what a goal is about."""
    words = {"itself": "", "times": f" / {goal.than}", "more": f" - {goal.than}"}
    return f"{goal.series}{words[goal.how]}"


def figure(measure: Measure, goal: Goal, value: float | None) -> str:
    """Return a figure of a goal: a multiple, or an amount."""
    if value is None:
        return "not measured"
    return f"{value:.2f}" if goal.how == "times" else amount(value, measure.unit)


def verdict(measure: Measure, goal: Goal) -> str:
    """Return how a goal stands."""
    return {True: "met", False: "**missed**", None: ""}[measure.met(goal)]


def anchor(title: str) -> str:
    """Return the anchor that a heading gets."""
    return "".join(each for each in title.lower().replace(" ", "-") if each.isalnum() or each in "-_")
