"""A release that is rehearsed beside what serves, on a fixed port, before that is replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from benchmarks.case import Case, in_turn
from benchmarks.cases.deploys import BAD, NEW, OLD, SHORT, serve, serving, watched
from benchmarks.contenders import Budget
from benchmarks.contenders.deploykit import Deploykit
from benchmarks.contenders.docker import DeploykitDocker
from benchmarks.results import Goal, Measure

if TYPE_CHECKING:
    from benchmarks.arena import Arena
    from benchmarks.case import Sheet
    from benchmarks.contenders import Ended


class Rehearsed(Deploykit):
    """The `compose` backend, rehearsing."""

    def deploy(self, tag: str) -> Ended:
        return self.told("run", "--tag", tag, "--rehearse", "--json")


class RehearsedDocker(DeploykitDocker):
    """The `docker` backend, rehearsing."""

    name: ClassVar[str] = "deploykit, docker"

    def deploy(self, tag: str) -> Ended:
        return self.told("run", "--tag", tag, "--rehearse", "--json")


def rehearse(arena: Arena, sheet: Sheet) -> None:
    """Deploy a release that exits at once, then a good one, then go back off the clock."""
    images = arena.images()
    for tag in (OLD, NEW):
        images.push(tag, local=True)
    images.push(BAD, local=True, exit_after=0, exit_code=3)
    budget = SHORT if arena.quick else Budget()
    contenders = arena.contenders(images, budget, among=[Rehearsed, RehearsedDocker])
    serve(arena, contenders, OLD)
    for number in sheet.rounds():
        for contender in in_turn(contenders, number):
            ended, outage = watched(contender, BAD)
            sheet.note("over", contender.name, ended.how.must(1).wall)
            sheet.note("outage", contender.name, outage)
            serving(contender, OLD)
            ended, _ = watched(contender, NEW)
            sheet.note("wall", contender.name, ended.how.must(0).wall)
            contender.back(OLD).how.must(0)
            serving(contender, OLD)


NAMES = (Rehearsed.name, RehearsedDocker.name)
CASES = (
    Case(
        "rehearsed",
        "A release that exits at once, rehearsed",
        "Replaced in place on a fixed port, and rehearsed before that: a good one must live for 3 s.",
        (
            Measure("outage", "outage", goals=tuple(Goal(name, 0.0) for name in NAMES)),
            Measure("over", "until it is over"),
            Measure("wall", "wall time of a good release"),
        ),
        rehearse,
    ),
)
