"""Going back by hand to the release before."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks.case import Case, in_turn
from benchmarks.cases.deploys import NEW, OLD, serve, serving
from benchmarks.results import Goal, Measure

if TYPE_CHECKING:
    from benchmarks.arena import Arena
    from benchmarks.case import Sheet


def back(arena: Arena, sheet: Sheet, *, ignore_term: bool) -> None:
    """Deploy a good release, off the clock, and go back."""
    images = arena.images()
    for tag in (OLD, NEW):
        images.push(tag, local=True, ignore_term=ignore_term)
    contenders = arena.contenders(images)
    serve(arena, contenders, OLD)
    for number in sheet.rounds():
        for contender in in_turn(contenders, number):
            contender.deploy(NEW).how.must(0)
            sheet.note("wall", contender.name, contender.back(OLD).how.must(0).wall)
            serving(contender, OLD)


WALL = Measure("wall", "wall time", goals=(Goal("deploykit", 1.0, "times", "compose up"),))
CASES = (
    Case(
        "rollback",
        "Rollback by hand",
        "`deploykit rollback`, `deploy.sh rollback`, and `docker compose pull` + `up --wait` of the old tag.",
        (WALL,),
        partial(back, ignore_term=False),
    ),
    Case(
        "rollback-stubborn",
        "Rollback by hand, from an app that ignores SIGTERM",
        "Docker kills it after its grace period of 10 s.",
        (WALL,),
        partial(back, ignore_term=True),
    ),
)
