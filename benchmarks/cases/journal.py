"""What a long history costs."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.case import Case, in_turn
from benchmarks.history import fill
from benchmarks.local import LocalApp
from benchmarks.results import Goal, Measure
from deploykit.journal import last_scope

if TYPE_CHECKING:
    from benchmarks.arena import Arena
    from benchmarks.case import Sheet

FEW, MANY = 10, 10_000
VERBS = {"status": ("status",), "run": ("run", "--tag", "b")}
MEMORY = Path("/dev/shm")


def journal(arena: Arena, sheet: Sheet) -> None:
    """Run the verbs on apps that differ in nothing but their past."""
    apps = {f"{count:,} entries": with_past(arena, count) for count in (FEW, MANY)}
    for number in sheet.rounds():
        for verb, argv in VERBS.items():
            for name in in_turn(list(apps), number):
                sheet.note(verb, name, apps[name].timed(*argv).wall)


def with_past(arena: Arena, count: int) -> LocalApp:
    """Return an app that serves the last of so many deployments."""
    app = LocalApp(arena.folder / f"journal-{count}")
    arena.stack.callback(app.remove)
    app.deploy("a")
    refill(app.folder / ".deploykit" / "journal.db", count - 2)
    app.deploy("b")
    return app


def refill(path: Path, count: int) -> None:
    """Fill a journal in memory, where it need not wait for the disk at every row, and put it back."""
    scope = last_scope(path)
    assert scope is not None
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        copy = Path(shutil.copy2(path, folder))
        fill(copy, scope, count)
        shutil.copy2(copy, path)


def goal(at_most: float) -> Goal:
    """Return the goal that many entries cost at most so many times what few cost."""
    return Goal(f"{MANY:,} entries", at_most, "times", f"{FEW:,} entries")


CASES = (
    Case(
        "journal",
        "A long history",
        "`deploykit status`, and a `deploykit run` that finds its release serving, on the process backend.",
        (
            Measure("status", "deploykit status", goals=(goal(1.2),)),
            Measure("run", "deploykit run, unchanged"),
        ),
        journal,
        at_least=10,
    ),
)
