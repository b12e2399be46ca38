"""What it costs a real engine to tell of so many tasks: those of a service for which there is no node, so none runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.results import CaseResult, Measure
from benchmarks.usage import TICK
from deploykit.backends.engine.exchange import request
from deploykit.backends.engine.line import at_socket
from scripts.commands import until

if TYPE_CHECKING:
    from benchmarks.case import Sheet
    from tests.engine.support.cluster import Cluster

NAME = "nowhere"
MADE = 600
"""Seconds for the engine to make the tasks."""
MEASURES = (
    Measure("made", "all made after"),
    Measure("list", "one list"),
    Measure("processor", "processor time of the engine"),
    Measure("answered", "answer", "MB"),
)
LIST = request("GET", "/tasks")


def listed(cluster: Cluster, sheet: Sheet, number: int, rounds: int, image: str) -> None:
    """Make a service of so many tasks, and list them."""
    docker, opened = cluster.manager.docker, at_socket(f"{cluster.manager.folder}/docker.sock")
    series, began = f"{number:,} tasks", time.monotonic()
    how = ("--detach", "--replicas", str(number), "--constraint", "node.labels.there==no", "--name", NAME)
    docker("service", "create", *how, image)

    def answer() -> bytes:
        deadline = time.monotonic() + MADE
        return opened(deadline).exchange(LIST, deadline).body

    assert until(lambda: answer().count(b'"Slot"') >= number, within=MADE, every=0.2)
    sheet.note("made", series, time.monotonic() - began)
    assert cluster.manager.process
    for _ in range(rounds):
        before, began = _used(cluster.manager.process.pid), time.monotonic()
        said = answer()
        sheet.note("list", series, time.monotonic() - began)
        sheet.note("processor", series, _used(cluster.manager.process.pid) - before)
        sheet.note("answered", series, len(said) / 1e6)
    docker("service", "rm", NAME)
    until(lambda: answer().count(b'"Slot"') == 0, within=MADE, every=0.5)


def _used(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return TICK * sum(map(int, fields[11:13]))


def filled(sheet: Sheet, command: str, date: str, load: float) -> CaseResult:
    """Return what was noted down."""
    title = "What the engine pays"
    about = "Tasks of a service for which there is no node, on a real engine; `GET /tasks`, as deploykit asks."
    return CaseResult("list", title, about, command, date, load, tuple(map(sheet.filled, MEASURES)))
