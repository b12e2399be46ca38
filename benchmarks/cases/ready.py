"""How soon it is noticed that an app has become ready."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.case import Case, in_turn
from benchmarks.cases.deploys import HEALTH, NEW, OLD, serve, serving
from benchmarks.results import Goal, Measure
from benchmarks.timed import Unexpected
from tests.engine.support.client import Client

if TYPE_CHECKING:
    from benchmarks.arena import Arena
    from benchmarks.case import Sheet
    from benchmarks.contenders import Contender

DELAYS = (0, 2, 20)
PATIENCE = 0.2
"""Seconds for an answer: a connection that is lost while the container gets its network would hang for a second."""


def ready(arena: Arena, sheet: Sheet, *, delay: int) -> None:
    """Deploy releases that need `delay` seconds to start."""
    images = arena.images()
    for tag in (OLD, NEW):
        images.push(tag, local=True, start_delay=delay)
    contenders = arena.contenders(images, starts_in=delay)
    serve(arena, contenders, OLD)
    for number in sheet.rounds():
        for contender in in_turn(contenders, number):
            sheet.note("noticed", contender.name, noticed(contender, OLD if number % 2 else NEW))


def noticed(contender: Contender, tag: str) -> float:
    """Return the seconds from the first good answer to the verdict."""
    epoch = time.time() - time.monotonic()
    with Client(contender.port, HEALTH, patience=PATIENCE) as client:
        ended = contender.deploy(tag)
    ended.how.must(0)
    serving(contender, tag)
    return (ended.told_healthy or 0) - (epoch + first_good(client))


def first_good(client: Client) -> float:
    """Return when the first good answer after the outage had come, by the monotonic clock."""
    failed = [place for place, sample in enumerate(client.samples) if sample.answer is None]
    after = client.samples[failed[-1] + 1 :] if failed else []
    if not after:
        raise Unexpected("the client saw no outage, or no end of it")
    return after[0].ended


def case(delay: int) -> Case:
    """Return the case of a start-up time."""
    goal = Goal("deploykit", max(0.15, 0.05 * delay))
    return Case(
        f"ready-{delay}",
        f"Readiness noticed, of an app that needs {delay} s to start",
        "From the first good answer that a client asking every 20 ms gets, to the healthy verdict: deploykit's event, "
        "the end of the command for the others. Below 0, the client asked later.",
        (Measure("noticed", "told healthy after", goals=(goal,)),),
        partial(ready, delay=delay),
    )


CASES = tuple(case(delay) for delay in DELAYS)
