"""What people see who look on: on a terminal, on one that can do little, and in a pipe."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import Terminal, deploy_lines, in_order

if TYPE_CHECKING:
    from tests.e2e.support import ProcessApp

STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
LINES = ["Using image: example.org/shop/web:slow", "Starting containers...", "Smoke check..."]


def test_a_terminal(app: ProcessApp) -> None:
    """The look, the time gone, the budget and the answer are drawn within 80 columns, and taken back in the end."""
    app.release("slow", delay=1)
    with Terminal(app, "run", "--tag", "slow") as terminal:
        shown, piped = terminal.end()
    assert terminal.process.returncode == 0
    assert re.search(r"look \d+, \ds of 2s: ", shown)
    assert COLOUR.search(shown)
    assert max(map(len, re.split(r"[\r\n]+", STEERING.sub("", shown)))) <= 80
    assert shown.rstrip("\r\n").endswith("\x1b[2K")
    assert in_order([*LINES, "Deploy completed successfully"], deploy_lines(piped))
    assert "\x1b" not in piped


@pytest.mark.parametrize(
    ("variable", "value", "drawn"), [("NO_COLOR", "1", True), ("TERM", "dumb", False), ("CI", "true", False)]
)
def test_a_terminal_that_is_told_to_be_plain(app: ProcessApp, variable: str, value: str, *, drawn: bool) -> None:
    """No colour; or nothing that is taken back."""
    app.release("slow", delay=1)
    with Terminal(app, "run", "--tag", "slow", **{variable: value}) as terminal:
        shown, piped = terminal.end()
    assert not COLOUR.search(shown)
    assert ("look " in shown) is drawn
    assert bool(shown) is drawn
    assert in_order(LINES, deploy_lines(piped))


def test_a_pipe(app: ProcessApp) -> None:
    """Plain lines, and nothing on stderr."""
    app.release("slow", delay=1)
    done = app.deploykit("run", "--tag", "slow")
    assert in_order(LINES, deploy_lines(done.stdout))
    assert "\x1b" not in done.stdout
    assert done.stderr == ""
