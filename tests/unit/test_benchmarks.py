"""The benchmarks' arithmetic, their plots, and that the page in docs says what was measured."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import plot, report
from benchmarks.case import Sheet, in_turn
from benchmarks.cases import CASES
from benchmarks.results import CaseResult, Goal, Measure, Results, read

COMMITTED = Path(report.ROOT, "benchmarks", "results")
SVG = "{http://www.w3.org/2000/svg}"
GOALS = (
    Goal("ours", 2.5),
    Goal("ours", 0.5, "times", "theirs"),
    Goal("ours", -1.9, "more", "theirs"),
    Goal("ours", 1.0, "times", "nobody's"),
)
MEASURE = Measure("wall", "wall <time>", "s", GOALS, {"ours": [3.0, 1.0, 2.0], "theirs": [4.0, None, 3.0, 5.0]})
CASE = CaseResult("good", "A & B", "About it.", "python -m benchmarks good", "2026-01-02 03:04 UTC", 0.5, (MEASURE,))


def circles(svg: str) -> list[float]:
    """Return where the dots of a plot stand."""
    return [float(each.attrib["cx"]) for each in ET.fromstring(svg).iter(f"{SVG}circle")]


def test_a_median_is_of_the_samples_that_have_a_value() -> None:
    """One that was not restored does not count; none at all has no median."""
    assert MEASURE.median("ours") == 2.0
    assert MEASURE.median("theirs") == 4.0
    assert Measure("a", "a", samples={"x": [1.0, 2.0], "y": [None]}).median("x") == 1.5
    assert Measure("a", "a", samples={"y": [None]}).median("y") is None


def test_goals_compare_medians() -> None:
    """By itself, as a multiple, as a difference; what was not measured is neither met nor missed."""
    assert [MEASURE.value(goal) for goal in GOALS] == [2.0, 0.5, -2.0, None]
    assert [MEASURE.met(goal) for goal in GOALS] == [True, True, True, None]
    assert MEASURE.met(Goal("ours", 0.49, "times", "theirs")) is False


def test_results_survive_the_disk(tmp_path: Path) -> None:
    """What is read is what was written, with the medians beside the samples."""
    results = Results({"cores": "2"}, (CASE,))
    results.save(tmp_path / "latest.json")
    assert read(tmp_path / "latest.json") == results
    assert '"medians"' in (tmp_path / "latest.json").read_text()


def test_a_case_that_is_measured_again_takes_its_place() -> None:
    """Others stay, in the order of the table."""
    order = {"start": 0, "good": 1}
    both = Results({}).with_case(CASE, order).with_case(replace(CASE, name="start"), order)
    assert [one.name for one in both.with_case(CASE, order).cases] == ["start", "good"]


def test_every_contender_comes_first_in_its_turn() -> None:
    """Nobody always measures after the same other."""
    assert [in_turn("abc", number) for number in range(4)] == [list("abc"), list("bca"), list("cab"), list("abc")]


def test_a_sheet_keeps_the_samples_in_order() -> None:
    """Also those that have no value."""
    sheet = Sheet(2)
    for number in sheet.rounds():
        sheet.note("wall", "ours", None if number else 1.23456)
    assert sheet.filled(Measure("wall", "wall time")).samples == {"ours": [1.2346, None]}


def test_a_plot_shows_every_sample() -> None:
    """It is well-formed XML, and a greater sample stands further to the right."""
    svg = plot.draw(CASE)
    words = [each.text for each in ET.fromstring(svg).iter(f"{SVG}text")]
    assert len(circles(svg)) == 6
    assert sorted(circles(svg)[:3]) == circles(svg)[:3]
    assert "wall <time> (seconds)" in words
    assert "2.00 s" in words


@pytest.mark.parametrize("samples", [[0.0], [-0.02, 0.03], [1e-4, 64.0], [None]])
def test_a_plot_has_room_for_any_sample(samples: list[float | None]) -> None:
    """Zero alone, below zero, far apart, none at all."""
    measure = Measure("m", "m", samples={"ours": samples})
    scale = plot.Scale.of(measure)
    values = [value for value in samples if value is not None]
    assert all(plot.LEFT <= scale.x(value) <= plot.WIDTH - plot.RIGHT for value in values)
    assert 1 <= len(list(scale.ticks())) <= 8


@pytest.mark.parametrize("case", read(COMMITTED / "latest.json").cases, ids=lambda case: case.name)
def test_the_committed_plots_are_those_of_the_results(case: CaseResult) -> None:
    """Each case has its plot, drawn from its samples."""
    assert (COMMITTED / f"{case.name}.svg").read_text() == plot.draw(case)


def test_the_page_is_that_of_the_results() -> None:
    """`python -m benchmarks report` would change nothing."""
    assert report.REPORT.read_text() == report.page(read(COMMITTED / "latest.json"))


def test_the_results_name_no_machine() -> None:
    """No paths and no hosts: they are published."""
    text = (COMMITTED / "latest.json").read_text()
    assert not [word for word in ("/home/", "/root/", "/tmp/", "/work/", "localhost") if word in text]


def test_every_case_says_what_it_is() -> None:
    """A title, a sentence, and measures whose goals are about somebody who takes part."""
    for name, case in CASES.items():
        assert case.name == name
        assert case.title
        assert case.about.endswith(".")
        assert case.measures
