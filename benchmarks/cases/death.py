"""How soon it is noticed that a container has died."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks.case import Case
from benchmarks.cases.deploys import BAD, OLD, serve, serving
from benchmarks.contenders import Budget
from benchmarks.contenders.deploykit import Deploykit
from benchmarks.deaths import Deaths
from benchmarks.results import Goal, Measure
from benchmarks.timed import Unexpected

if TYPE_CHECKING:
    from benchmarks.arena import Arena
    from benchmarks.case import Sheet
    from benchmarks.contenders import Contender

EXIT_CODE = 3


def death(arena: Arena, sheet: Sheet, *, exit_after: float) -> None:
    """Deploy a release that answers 500 until it exits after some seconds."""
    images = arena.images()
    images.push(OLD, local=True)
    images.push(BAD, local=True, status=500, exit_after=exit_after, exit_code=EXIT_CODE)
    contenders = arena.contenders(images, Budget(), among=[Deploykit])
    serve(arena, contenders, OLD)
    for _ in sheet.rounds():
        for contender in contenders:
            sheet.note("noticed", contender.name, noticed(contender))
            serving(contender, OLD)


def noticed(contender: Contender) -> float:
    """Return the seconds from the container's own FinishedAt to the event that says so."""
    with Deaths(contender.label) as deaths:
        ended = contender.deploy(BAD)
    ended.how.must(1)
    died = deaths.times.get(EXIT_CODE)
    if not died or ended.told_failed is None:
        raise Unexpected(f"no death was told:\n{ended.how.output}")
    return ended.told_failed - died[0]


def case(name: str, when: str, exit_after: float) -> Case:
    """Return the case of a time of death."""
    return Case(
        name,
        f"Death noticed, of a container that exits {when}",
        "From the exit that the engine records to deploykit's `step.failed` event.",
        (Measure("noticed", "told dead after", goals=(Goal("deploykit", 0.3),)),),
        partial(death, exit_after=exit_after),
    )


CASES = (
    case("death-at-start", "at once", 0),
    case("death-later", "after 2 s", 2),
    case("death-late", "after 20 s", 20),
)
