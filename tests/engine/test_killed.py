"""SIGKILL at many moments: the next command finishes what was left, and says so."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.engine.support.project import kill_group
from tests.engine.support.told import assert_all_agree, ended, history, status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engine.support.project import App

MOMENTS = {"compose": 20, "docker": 7}
"""Docker's share is smaller: between any two of its commands there is a kill of its own in test_docker_killed.py."""
BEGAN = {"starting", "checking", "promoting", "rolling_back"}


@dataclass
class Killed:
    """An app with good releases behind it, on which commands are killed, one after the other."""

    app: App
    took: float
    """Seconds that an undisturbed deploy takes here and now: the moments are spread over it."""

    def deployed(self, tag: str) -> str:
        self.app.push(tag)
        ended(self.app.deploykit("run", "--tag", tag), 0)
        return tag

    def moments(self, every: int = 1) -> Iterator[tuple[int, float]]:
        """Yield numbers, each with its part of the way; or every second one."""
        last = MOMENTS[self.app.kind]
        return ((number, number / last) for number in range(1, last + 1, every))

    def kill(self, part: float, *argv: str) -> str | None:
        """Kill a command, every other time with its process group; return the state that it was in, if any."""
        process = self.app.start_deploykit(*argv)
        time.sleep(part * self.took)  # the moment itself is the point: there is nothing to wait for
        if round(part * 20) % 2:
            kill_group(process, signal.SIGKILL)
        else:
            os.kill(process.pid, signal.SIGKILL)
        process.wait()
        newest = history(self.app)[0]
        return None if newest["outcome"] else str(newest["state"])

    def finish(self, state: str | None, *argv: str) -> int:
        """Run the next command, which says what it finishes; return its exit code."""
        done = self.app.deploykit(*argv)
        assert done.returncode in {0, 1}, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        assert state is None or f"killed in {state}" in done.stdout, done.stdout
        return done.returncode


@pytest.fixture
def killed(app: App) -> Killed:
    killed = Killed(app, 0.0)
    killed.deployed("a")
    began = time.monotonic()
    killed.deployed("b")
    killed.took = time.monotonic() - began
    return killed


def test_recover_finishes_a_killed_deploy(killed: Killed) -> None:
    """With the new release or with what served, and all in agreement."""
    serving = "b"
    for number, part in killed.moments():
        killed.app.push(f"c{number}")
        state = killed.kill(part, "run", "--tag", f"c{number}")
        killed.finish(state, "recover")
        serving = assert_all_agree(killed.app, serving, f"c{number}")


def test_a_run_first_finishes_a_killed_deploy(killed: Killed) -> None:
    """And then deploys what it was asked for."""
    for number, part in killed.moments(every=2):
        killed.app.push(f"c{number}")
        killed.app.push(f"d{number}")
        state = killed.kill(part, "run", "--tag", f"c{number}")
        assert killed.finish(state, "run", "--tag", f"d{number}") == 0
        assert_all_agree(killed.app, f"d{number}")


def test_a_rollback_undoes_a_killed_deploy(killed: Killed) -> None:
    """The one that was under way; from one that never began, or was over, it goes one step back from what serves."""
    for number, part in killed.moments(every=2):
        serving, before = killed.deployed(f"b{number}"), status(killed.app)["previous"]["tag"]
        killed.app.push(f"c{number}")
        state = killed.kill(part, "run", "--tag", f"c{number}")
        over = state is None and history(killed.app)[0]["tag"] == f"c{number}"
        assert killed.finish(state, "rollback") == 0
        assert_all_agree(killed.app, serving if over or state in BEGAN else before)


@pytest.mark.parametrize("verb", ["recover", "run", "rollback"])
def test_a_killed_rollback_is_finished(killed: Killed, verb: str) -> None:
    """With its target or with what served; a rollback goes on with it, a run then deploys."""
    for number, part in killed.moments():
        if number % 3 != ["recover", "run", "rollback"].index(verb):
            continue
        before, serving = killed.deployed(f"b{number}"), killed.deployed(f"c{number}")
        state = killed.kill(part, "rollback")
        over = state is None and history(killed.app)[0]["kind"] == "rollback"
        if verb == "run":
            killed.app.push(f"d{number}")
        killed.finish(state, verb, *(["--tag", f"d{number}"] if verb == "run" else []))
        expected = {"recover": (before, serving), "run": (f"d{number}",), "rollback": (before,)}[verb]
        if verb != "rollback" or not over:  # over: then it goes one further back
            assert_all_agree(killed.app, *expected)
        else:
            assert_all_agree(killed.app, status(killed.app)["current"]["tag"])


def test_a_killed_restore_is_finished(killed: Killed) -> None:
    """While a crashing release is gone back from: what served serves again."""
    for number, part in killed.moments(every=2):
        killed.app.push(f"bad{number}", exit_after=0, exit_code=3)
        state = killed.kill(part * 1.5, "run", "--tag", f"bad{number}")
        killed.finish(state, "recover")
        assert_all_agree(killed.app, "b")
