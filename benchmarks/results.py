"""What was measured, as it stands in `results/latest.json`: every sample, and the medians of them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Series = list[float | None]
"""Samples in the order of the rounds; None where nothing came of it: the app was not restored."""


@dataclass(frozen=True)
class Goal:
    """What a series' median shall be at most: by itself, as a multiple of another's, or as more than another's."""

    series: str
    at_most: float
    how: Literal["itself", "times", "more"] = "itself"
    than: str = ""


@dataclass(frozen=True)
class Measure:
    """One quantity of a case, by contender. `unit` is `s`, `%` of one core, or `requests`."""

    name: str
    title: str
    unit: str = "s"
    goals: tuple[Goal, ...] = ()
    samples: dict[str, Series] = field(default_factory=dict)

    def median(self, series: str) -> float | None:
        """Return the median of the samples that have a value."""
        values = [value for value in self.samples.get(series, ()) if value is not None]
        return median(values) if values else None

    def value(self, goal: Goal) -> float | None:
        """Return what a goal is about; None when a series of it was not measured."""
        own = self.median(goal.series)
        if own is None or goal.how == "itself":
            return own
        other = self.median(goal.than)
        if other is None:
            return None
        return own - other if goal.how == "more" else own / other

    def met(self, goal: Goal) -> bool | None:
        """Tell whether a goal is met; None when it was not measured."""
        value = self.value(goal)
        return None if value is None else value <= goal.at_most


@dataclass(frozen=True)
class CaseResult:
    """A case as it was measured. `load` is the machine's load average (1 minute) when it began."""

    name: str
    title: str
    about: str
    command: str
    date: str
    load: float
    measures: tuple[Measure, ...]


@dataclass(frozen=True)
class Results:
    """All cases of one machine."""

    machine: dict[str, str]
    cases: tuple[CaseResult, ...] = ()

    def with_case(self, case: CaseResult, order: Mapping[str, int]) -> Results:
        """Return these results with a case in its place, instead of what was known of it."""
        others = [one for one in self.cases if one.name != case.name]
        return replace(self, cases=tuple(sorted([*others, case], key=lambda one: order.get(one.name, len(order)))))

    def save(self, path: Path) -> None:
        """Write them as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            json.dumps({"machine": self.machine, "cases": [_case(one) for one in self.cases]}, indent=1) + "\n"
        )


def read(path: Path) -> Results:
    """Read what `save` wrote."""
    said = json.loads(path.read_text())
    return Results(said["machine"], tuple(_read_case(one) for one in said["cases"]))


def _case(case: CaseResult) -> dict[str, Any]:
    measures = [
        asdict(one) | {"medians": {series: one.median(series) for series in one.samples}} for one in case.measures
    ]
    return asdict(case) | {"measures": measures}


def _read_case(said: dict[str, Any]) -> CaseResult:
    return CaseResult(**{**said, "measures": tuple(_read_measure(one) for one in said["measures"])})


def _read_measure(said: dict[str, Any]) -> Measure:
    known = {key: value for key, value in said.items() if key != "medians"}
    return Measure(**{**known, "goals": tuple(Goal(**goal) for goal in known["goals"])})
