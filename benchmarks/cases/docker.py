"""Plain Docker, without Compose: a good release, and going back by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.case import Case, in_turn
from benchmarks.cases.deploys import NEW, OLD, serve, serving, watched
from benchmarks.contenders import Budget
from benchmarks.contenders.docker import ByHand, DeploykitDocker
from benchmarks.results import Goal, Measure

if TYPE_CHECKING:
    from benchmarks.arena import Arena
    from benchmarks.case import Sheet


def there_and_back(arena: Arena, sheet: Sheet) -> None:
    """Deploy a good release, and go back to the one before."""
    images = arena.images()
    for tag in (OLD, NEW):
        images.push(tag, local=True)
    contenders = arena.contenders(images, Budget(), among=[DeploykitDocker, ByHand])
    serve(arena, contenders, OLD)
    for number in sheet.rounds():
        for contender in in_turn(contenders, number):
            ended, outage = watched(contender, NEW)
            sheet.note("wall", contender.name, ended.how.must(0).wall)
            sheet.note("outage", contender.name, outage)
            serving(contender, NEW)
            sheet.note("back", contender.name, contender.back(OLD).how.must(0).wall)
            serving(contender, OLD)


CASES = (
    Case(
        "docker",
        "Plain Docker: a good release, and back",
        "By hand: [`redeploy.sh`](../benchmarks/redeploy.sh), which is `docker pull`, `stop`, `rm` and `run`, and asks "
        "until the app answers.",
        (
            Measure("wall", "wall time", goals=(Goal("deploykit", 1.0, "times", "by hand"),)),
            Measure("outage", "outage", goals=(Goal("deploykit", 1.0, "times", "by hand"),)),
            Measure(
                "back",
                "rollback by hand, wall time",
                goals=(Goal("deploykit", 1.0), Goal("deploykit", 0.5, "times", "by hand")),
            ),
        ),
        there_and_back,
    ),
)
