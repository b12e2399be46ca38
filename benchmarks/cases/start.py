"""How long the command takes to start."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks.case import Case, in_turn
from benchmarks.contenders.deploykit import CLI
from benchmarks.local import LocalApp
from benchmarks.results import Goal, Measure
from benchmarks.timed import timed
from tests.e2e.support import clean

if TYPE_CHECKING:
    from benchmarks.arena import Arena
    from benchmarks.case import Sheet

BARE = "python -c pass"
COMMANDS = {
    BARE: [sys.executable, "-c", "pass"],
    "deploykit --help": [CLI, "--help"],
    "deploykit history": [CLI, "history"],
    "deploykit status": [CLI, "status"],
}


def start(arena: Arena, sheet: Sheet) -> None:
    """Run each command in turn, in the folder of an app that was deployed once."""
    app = LocalApp(arena.folder / "start")
    arena.stack.callback(app.remove)
    app.deploy("a")
    for number in sheet.rounds():
        for name in in_turn(list(COMMANDS), number):
            sheet.note("wall", name, timed(COMMANDS[name], cwd=app.folder, env=clean()).must(0).wall)


CASES = (
    Case(
        "start",
        "Starting the command",
        "On the process backend, where no Docker is asked.",
        (Measure("wall", "wall time", goals=(Goal("deploykit --help", 0.05, "more", BARE),)),),
        start,
        at_least=20,
    ),
)
