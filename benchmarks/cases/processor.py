"""What waiting costs."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING

from benchmarks.case import Case
from benchmarks.cases.deploys import BAD, OLD, SHORT, serve
from benchmarks.contenders import Budget
from benchmarks.contenders.deploykit import CLI, Deploykit
from benchmarks.results import Goal, Measure
from benchmarks.timed import Unexpected, stop
from benchmarks.usage import used
from tests.engine.support.project import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.arena import Arena
    from benchmarks.case import Sheet
    from tests.engine.support.project import ComposeApp


def wait(arena: Arena, sheet: Sheet) -> None:
    """Let deploykit wait for a release that answers 500 until its budget is used up."""
    images = arena.images()
    images.push(OLD, local=True)
    images.push(BAD, local=True, status=500)
    contender = Deploykit(arena.app(images), SHORT if arena.quick else Budget())
    arena.lend(contender)
    serve(arena, [contender], OLD)
    for _ in sheet.rounds():
        sheet.note("share", contender.name, share(contender.app, contender.budget.seconds))


def share(app: ComposeApp, budget: float) -> float:
    """Return the part of one core that deploykit and its children use while it waits, in percent."""
    argv = [CLI, "run", "--tag", BAD, "--json"]
    with subprocess.Popen(argv, cwd=app.folder, env=clean({}), stdout=subprocess.PIPE, text=True) as process:
        try:
            return _share(process.pid, told(process), budget)
        finally:
            stop(process)


def _share(pid: int, events: Iterator[str], budget: float) -> float:
    """Look at the clocks when the wait begins, and when it has failed."""
    marks = [(time.monotonic(), used(pid)) for event in events if event in {"checking", "step.failed"}]
    (began, before), (ended, after) = marks
    if ended - began < 0.9 * budget:
        raise Unexpected("the health wait did not run its course")
    return 100 * (after - before) / (ended - began)


def told(process: subprocess.Popen[str]) -> Iterator[str]:
    """Yield the names of events as they are told; for a move, the state that it leads to."""
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        yield event["target"] if event["event"] == "state.changed" else event["event"]


CASES = (
    Case(
        "processor",
        "Processor time of a health wait",
        "60 s of waiting for a release that answers 500, deploykit and its children together; the engine's own time "
        "and the app's are not counted.",
        (Measure("share", "share of one core", "%", (Goal("deploykit", 5.0),)),),
        wait,
    ),
)
