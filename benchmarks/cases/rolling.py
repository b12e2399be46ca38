"""Behind a proxy: what fifty clients notice of a deploy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.case import Case, in_turn
from benchmarks.cases.deploys import BAD, NEW, OLD, SHORT
from benchmarks.contenders import Budget
from benchmarks.contenders.rolling import ROLLING, Behind, RollingDeploykit, RollingDocker
from benchmarks.results import Goal, Measure
from tests.engine.support.load import CLIENTS, PACE, Load
from tests.engine.support.rolling import DRAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.arena import Arena
    from benchmarks.case import Sheet
    from benchmarks.contenders import Ended
    from tests.engine.support.images import Images

CLIENTS_SAY = (
    f"{CLIENTS} clients behind HAProxy, set up as in examples/rolling; each asks every {PACE:g} s, "
    "half of them on a new connection each time."
)


def good(arena: Arena, sheet: Sheet) -> None:
    """Deploy two good releases in turn."""
    images = arena.images()
    for tag in (OLD, NEW):
        images.push(tag, local=True)
    contenders = serving(arena, images, Budget(), ROLLING)
    for number in sheet.rounds():
        for contender in in_turn(contenders, number):
            tag = OLD if number % 2 else NEW
            watched(sheet, contender, tag).how.must(0)
            contender.must_serve(tag)


def crash(arena: Arena, sheet: Sheet) -> None:
    """Deploy a release that exits at once."""
    images = arena.images()
    images.push(OLD, local=True)
    images.push(BAD, local=True, exit_after=0, exit_code=3)
    contenders = serving(arena, images, SHORT if arena.quick else Budget(), (RollingDeploykit, RollingDocker))
    for number in sheet.rounds():
        for contender in in_turn(contenders, number):
            watched(sheet, contender, BAD).how.must(1)
            contender.must_serve(OLD)


def serving(arena: Arena, images: Images, budget: Budget, among: Sequence[type[Behind]]) -> list[Behind]:
    """Return contenders that all serve a good release."""
    contenders = [make(arena.behind_proxy(images, make.kind), budget) for make in among]
    for contender in contenders:
        arena.lend(contender)
        contender.first(OLD).how.must(0)
        contender.let_in(OLD)
    return contenders


def watched(sheet: Sheet, contender: Behind, tag: str) -> Ended:
    """Deploy under the clients' eyes, and note what they saw."""
    with Load(contender.port) as load:
        ended = contender.deploy(tag)
    sheet.note("failed", contender.name, len(load.failed))
    sheet.note("slowest", contender.name, load.slowest)
    sheet.note("wall", contender.name, ended.how.wall)
    return ended


NONE = tuple(Goal(one.name, 0.0) for one in (RollingDeploykit, RollingDocker))
FAST = tuple(Goal(one.name, 1.5) for one in (RollingDeploykit, RollingDocker))
FAILED = Measure("failed", "failed requests", "requests", NONE)
SLOWEST = Measure("slowest", "slowest answer")
CASES = (
    Case(
        "rolling",
        "A good release, rolling",
        f"{CLIENTS_SAY} Those that roll drain for {DRAIN:g} s, which their wall time has in it; `deploy.sh` and "
        "`compose up` replace in place.",
        (FAILED, Measure("wall", "wall time"), SLOWEST),
        good,
    ),
    Case(
        "rolling-crash",
        "A release that exits at once, rolling",
        CLIENTS_SAY,
        (FAILED, Measure("wall", "until it is over", goals=FAST), SLOWEST),
        crash,
    ),
)
