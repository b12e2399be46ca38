"""Signals in every state, with deploykit as a process: from CI, from a shell that closes, with nobody who reads."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import clean
from tests.engine.support import killable

if TYPE_CHECKING:
    from tests.e2e.support import ProcessApp

CI = "SIGINT,SIGTERM"
"""As CI sends them, 7.5 s apart: the second must not hurry the first."""


def signalled(
    app: ProcessApp, point: str, *argv: str, stdout: int = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    """Run deploykit, which gets signals at a point."""
    command = [*killable.program(point), *argv]
    return subprocess.run(
        command,
        cwd=app.folder,
        env=clean(),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("state", "signals", "code", "outcome", "serves"),
    [
        ("saved", CI, 130, "interrupted", "a"),
        ("pulling", "SIGTERM", 143, "interrupted", "a"),
        ("starting", CI, 130, "interrupted", "a"),
        ("checking", "SIGTERM", 143, "interrupted", "a"),
        ("checking", CI, 130, "interrupted", "a"),
        ("healthy", CI, 0, "deployed", "b"),
        ("starting", "SIGHUP", 0, "deployed", "b"),
        ("checking", "SIGHUP,SIGHUP", 0, "deployed", "b"),
    ],
)
def test_a_good_deploy(app: ProcessApp, state: str, signals: str, code: int, outcome: str, serves: str) -> None:
    """Stopped, and what served is safe; after its end, or by a terminal that goes, it is not stopped."""
    app.deploy("a")
    app.release("b")
    done = signalled(app, f"signal:{state}:{signals}", "run", "--tag", "b", "--json")
    last = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, last["outcome"], last["exit_code"]) == (code, outcome, code), done.stderr
    assert app.serves(serves)
    assert app.json("status")["lock"] is None


def test_while_it_goes_back(app: ProcessApp) -> None:
    """The restore is finished; the exit code says that somebody stopped it."""
    app.deploy("a")
    app.release("b", exits=3)
    done = signalled(app, f"signal:rolling_back:{CI}", "run", "--tag", "b")
    assert done.returncode == 130
    assert app.serves("a")


@pytest.mark.parametrize(("tag", "code"), [("b", 0), ("bad", 1)])
def test_over_an_ssh_that_drops(app: ProcessApp, tag: str, code: int) -> None:
    """SIGHUP, and a stdout that nobody reads any more: it goes on to its end; the journal has the story."""
    app.deploy("a")
    app.release("b")
    app.release("bad", exits=3)
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = signalled(app, "signal:starting:SIGHUP", "run", "--tag", tag, stdout=writer)
    finally:
        os.close(writer)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert app.serves("b" if code == 0 else "a")
    assert app.json("history")[0]["outcome"] == ("deployed" if code == 0 else "rolled_back")
