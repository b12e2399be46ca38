"""Strip charts as SVG: every sample a dot, the median a line with its value beside it."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.text import amount

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.results import CaseResult, Measure, Results, Series

WIDTH, LEFT, RIGHT = 820, 170, 130
ROW, HEAD, FOOT, TITLE = 34, 34, 38, 30
SPREAD = (0, -5, 5, -2.5, 2.5)
"""How far from the middle of its row a dot is drawn, in turn, so that equal samples can be told apart."""
INK, FAINT, GRID = "#1f2328", "#656d76", "#d8dee4"
COLOURS = ("#0969da", "#bc4c00", "#6e7781", "#1a7f37", "#8250df")


@dataclass(frozen=True)
class Scale:
    """From values to pixels: from `low`, 0 or less, to `high`."""

    low: float
    high: float
    step: float

    @classmethod
    def of(cls, measure: Measure) -> Scale:
        """Return the scale on which all samples of a measure have room."""
        values = [value for series in measure.samples.values() for value in series if value is not None]
        low, high = min([0.0, *values]), max([0.0, *values]) or 1.0
        step = round_step((high - low) / 6)
        return cls(math.floor(low / step) * step, math.ceil(high / step) * step, step)

    def x(self, value: float) -> float:
        """Return where a value stands."""
        return round(LEFT + (value - self.low) / (self.high - self.low) * (WIDTH - LEFT - RIGHT), 1)

    def ticks(self) -> Iterator[float]:
        """Yield the values that are named."""
        for number in range(round((self.high - self.low) / self.step) + 1):
            yield self.low + number * self.step


def round_step(least: float) -> float:
    """Return the smallest of 1, 2 and 5 times a power of ten that is not below."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * 0.999)


def save(results: Results, folder: Path) -> None:
    """Write a plot for each case."""
    for case in results.cases:
        (folder / f"{case.name}.svg").write_text(draw(case))


def draw(case: CaseResult) -> str:
    """Return the plot of a case: a panel for each measure."""
    heights = [HEAD + ROW * len(measure.samples) + FOOT for measure in case.measures]
    height = TITLE + sum(heights)
    root = ET.Element("svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH} {height}", role="img")
    root.set("font-family", "system-ui, sans-serif")
    ET.SubElement(root, "title").text = case.title
    ET.SubElement(root, "rect", width=str(WIDTH), height=str(height), fill="#ffffff")
    text(root, 14, 24, case.title, size="16", weight="600")
    for place, measure in enumerate(case.measures):
        panel(root, TITLE + sum(heights[:place]), measure)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def panel(root: ET.Element, top: float, measure: Measure) -> None:
    """Draw a measure: a grid, and a row for each series."""
    scale = Scale.of(measure)
    bottom = top + HEAD + ROW * len(measure.samples)
    unit = "seconds" if measure.unit == "s" else measure.unit
    text(root, 14, top + 22, f"{measure.title} ({unit})", fill=FAINT)
    for value in scale.ticks():
        x = scale.x(value)
        line(root, x, top + HEAD, x, bottom, stroke=GRID)
        text(root, x, bottom + 16, f"{value:.10g}", anchor="middle", fill=FAINT, size="11")
    for place, (name, series) in enumerate(measure.samples.items()):
        middle = top + HEAD + ROW * (place + 0.5)
        text(root, LEFT - 12, middle + 4, name, anchor="end")
        row(root, middle, scale, series, COLOURS[place % len(COLOURS)])
        text(root, WIDTH - RIGHT + 14, middle + 4, amount(measure.median(name), measure.unit), weight="600")


def row(root: ET.Element, middle: float, scale: Scale, series: Series, colour: str) -> None:
    """Draw the samples of a series, and its median."""
    values = sorted(value for value in series if value is not None)
    for place, value in enumerate(values):
        y = middle + SPREAD[place % len(SPREAD)]
        ET.SubElement(root, "circle", cx=f"{scale.x(value)}", cy=f"{y}", r="4", fill=colour, opacity="0.55")
    if values:
        half = len(values) // 2
        x = scale.x((values[half] + values[-half - 1]) / 2)
        line(root, x, middle - 12, x, middle + 12, stroke=INK, width="2")


def text(
    root: ET.Element,
    x: float,
    y: float,
    words: str,
    *,
    anchor: str = "start",
    fill: str = INK,
    size: str = "13",
    weight: str = "400",
) -> None:
    """Write words."""
    said = {"text-anchor": anchor, "fill": fill, "font-size": size, "font-weight": weight}
    ET.SubElement(root, "text", {"x": f"{x:g}", "y": f"{y:g}", **said}).text = words


def line(root: ET.Element, x1: float, y1: float, x2: float, y2: float, *, stroke: str, width: str = "1") -> None:
    """Draw a line."""
    ends = {"x1": f"{x1:g}", "y1": f"{y1:g}", "x2": f"{x2:g}", "y2": f"{y2:g}"}
    ET.SubElement(root, "line", {**ends, "stroke": stroke, "stroke-width": width})
