"""Deploys: a good release, one that crashes, one that answers 500."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks.case import Case, in_turn
from benchmarks.contenders import Budget
from benchmarks.results import Goal, Measure
from benchmarks.timed import Unexpected
from tests.engine.support.client import Client

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.arena import Arena
    from benchmarks.case import Sheet
    from benchmarks.contenders import Contender, Ended
    from tests.engine.support.images import Images

OLD, NEW, BAD = "main-old", "main-new", "main-bad"
HEALTH = "/api/health/"
SHORT = Budget(attempts=5)


def good(arena: Arena, sheet: Sheet, *, ignore_term: bool = False, starts_in: float = 0) -> None:
    """Deploy two good releases in turn."""
    images = arena.images()
    for tag in (OLD, NEW):
        images.push(tag, local=True, ignore_term=ignore_term, start_delay=starts_in)
    contenders = arena.contenders(images, starts_in=starts_in)
    serve(arena, contenders, OLD)
    for number in sheet.rounds():
        for contender in in_turn(contenders, number):
            tag = OLD if number % 2 else NEW
            ended, outage = watched(contender, tag)
            ended.how.must(0)
            serving(contender, tag)
            sheet.note("wall", contender.name, ended.how.wall)
            sheet.note("outage", contender.name, outage)


def crash(arena: Arena, sheet: Sheet) -> None:
    """Deploy a release that exits at once."""
    images = arena.images()
    images.push(OLD, local=True)
    images.push(BAD, local=True, exit_after=0, exit_code=3)
    bad(arena, sheet, images, SHORT if arena.quick else Budget())


def answers_500(arena: Arena, sheet: Sheet) -> None:
    """Deploy a release that runs, and answers 500."""
    images = arena.images()
    images.push(OLD, local=True)
    images.push(BAD, local=True, status=500)
    bad(arena, sheet, images, SHORT)
    if any(value < 0 for name in sheet.samples["beyond"] for value in sheet.values("beyond", name)):
        raise Unexpected("a release failed before its budget was used up")


def bad(arena: Arena, sheet: Sheet, images: Images, budget: Budget) -> None:
    """Deploy a bad release over a good one; who did not restore is helped by hand, off the clock."""
    contenders = arena.contenders(images, budget)
    serve(arena, contenders, OLD)
    for number in sheet.rounds():
        for contender in in_turn(contenders, number):
            ended, outage = watched(contender, BAD)
            ended.how.must(1)
            sheet.note("over", contender.name, ended.how.wall)
            sheet.note("outage", contender.name, outage if contender.restores else None)
            if contender.restores:
                sheet.note("beyond", contender.name, ended.how.wall - budget.seconds)
            else:
                contender.deploy(OLD).how.must(0)
            serving(contender, OLD)


def serve(arena: Arena, contenders: Sequence[Contender], tag: str) -> None:
    """Let all contenders serve a good release, none of them alone in its network."""
    for contender in contenders:
        contender.first(tag).how.must(0)
        serving(contender, tag)
        arena.neighbour(contender)


def watched(contender: Contender, tag: str) -> tuple[Ended, float]:
    """Deploy with a client that asks every 20 ms; return how it ended, and the seconds without a good answer."""
    with Client(contender.port, HEALTH) as client:
        ended = contender.deploy(tag)
    return ended, client.outage().total


def serving(contender: Contender, tag: str) -> None:
    """Make sure that what was measured is what was meant."""
    if contender.version() != tag:
        raise Unexpected(f"{contender.name}: {contender.version()} serves, not {tag}")


WALL = Measure("wall", "wall time", goals=(Goal("deploykit", 1.0, "times", "deploy.sh"),))
OUTAGE = Measure("outage", "outage", goals=(Goal("deploykit", 1.1, "times", "compose up"),))
CASES = (
    Case(
        "good",
        "A good release",
        "An app that stops promptly on SIGTERM. Its image is at hand; the registry is asked whether it is the newest.",
        (WALL, OUTAGE),
        good,
    ),
    Case(
        "good-1s",
        "A good release, of an app that needs 1 s to start",
        "As a small Django app does. The script looks every 2 s; deploykit's first looks are 50 ms apart.",
        (WALL, OUTAGE),
        partial(good, starts_in=1.0),
    ),
    Case(
        "good-stubborn",
        "A good release, over an app that ignores SIGTERM",
        "Docker kills it after its grace period of 10 s.",
        (WALL, OUTAGE),
        partial(good, ignore_term=True),
    ),
    Case(
        "crash",
        "A release that exits at once",
        "deploykit and the script look 30 times, every 2 s, for a release to turn healthy. `compose up` restores "
        "nothing: the app stays down until somebody deploys again.",
        (
            Measure(
                "outage",
                "outage",
                goals=(Goal("deploykit", 4.0), Goal("deploykit", 0.0667, "times", "deploy.sh")),
            ),
            Measure("over", "until it is over", goals=(Goal("deploykit", 3.29),)),
        ),
        crash,
    ),
    Case(
        "answers-500",
        "A release that answers 500",
        "deploykit and the script look 5 times, every 2 s: what a longer budget adds is the same for both. "
        "`compose up` goes by the container's own health check (every 1 s, 2 retries), and restores nothing.",
        (
            Measure("beyond", "until it is over, beyond the budget of 10 s", goals=(Goal("deploykit", 2.0),)),
            Measure("over", "until it is over"),
            Measure("outage", "outage"),
        ),
        answers_500,
    ),
)
