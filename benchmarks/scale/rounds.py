"""What is measured at every size: a good deploy, one that crashes, and a look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.case import Sheet
from benchmarks.results import CaseResult, Measure
from benchmarks.scale.stage import BAD, BATCHES, NEW, OLD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.scale.stage import Stage

MEASURES = (
    Measure("wall", "wall time"),
    Measure("processor", "processor time"),
    Measure("memory", "memory", "MiB"),
    Measure("questions", "questions to the engine", ""),
    Measure("commands", "docker commands", ""),
    Measure("answered", "read from the engine", "MB"),
)
VERBS = {
    "good": ("A good release", f"`deploykit run`, in {BATCHES} batches."),
    "crash": ("A release that exits at once", "`deploykit run`, until what served before is all that serves."),
    "status": ("A look", "`deploykit status`."),
}


def measured(stage: Stage, sheets: Mapping[str, Sheet], series: str, rounds: int) -> None:
    """Measure each verb so many times, after a first deploy off the clock."""
    for sheet in sheets.values():
        for noted in sheet.samples.values():
            noted.pop(series, None)
    stage.run("run", "--tag", NEW)
    for number in range(rounds):
        print(f"  {series}: round {number + 1} of {rounds}", flush=True)
        tag = NEW if number % 2 else OLD
        for verb, argv, code in (
            ("good", ("run", "--tag", tag), 0),
            ("crash", ("run", "--tag", BAD), 1),
            ("status", ("status",), 0),
        ):
            for measure, value in stage.run(*argv, code=code).figures().items():
                sheets[verb].note(measure, series, value)


def filled(sheets: Mapping[str, Sheet], command: str, date: str, load: float) -> list[CaseResult]:
    """Return what was noted down, a case for each verb."""
    return [
        CaseResult(verb, title, about, command, date, load, tuple(sheets[verb].filled(one) for one in MEASURES))
        for verb, (title, about) in VERBS.items()
    ]
