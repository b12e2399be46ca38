"""One deployment at a time: the second is told who holds the lock, or waits; and any can be stopped from elsewhere."""

from __future__ import annotations

import getpass
import json
import os
import signal
from typing import TYPE_CHECKING

import pytest

from scripts.commands import until
from tests.engine.support.told import assert_all_agree, ended, history, status

if TYPE_CHECKING:
    from subprocess import Popen

    from tests.engine.support.project import App


@pytest.fixture
def checking(app: App) -> tuple[App, Popen[str]]:
    """An app where `old` was good, and a run of `never` is in its health wait."""
    app.push("old")
    ended(app.deploykit("run", "--tag", "old"), 0)
    app.push("never", status=500)
    app.write_config(health={"attempts": 60})
    running = app.start_deploykit("run", "--tag", "never")
    assert until(lambda: status(app)["state"] == "checking", within=30, every=0.2)
    return app, running


def test_the_second_run_is_told_who_holds_the_lock(checking: tuple[App, Popen[str]]) -> None:
    """Exit 75, naming pid, user and since; no row is left, and the first goes on."""
    app, running = checking
    rows = len(history(app))

    done = ended(app.deploykit("run", "--tag", "old"), 75)

    assert f"pid {running.pid}" in done.stderr
    assert getpass.getuser() in done.stderr
    assert "since" in done.stderr
    assert len(history(app)) == rows
    assert status(app)["lock"]["pid"] == running.pid
    refused = json.loads(ended(app.deploykit("rollback", "--json"), 75).stdout)
    assert (refused["event"], refused["exit_code"]) == ("deployment.refused", 75)
    assert running.poll() is None


def test_abort_stops_the_first_and_the_old_release_serves(checking: tuple[App, Popen[str]]) -> None:
    """`abort` from another shell waits until it is safe: 0; the run itself ends as by SIGTERM."""
    app, running = checking

    ended(app.deploykit("abort"), 0)

    assert running.wait(10) == 143
    assert_all_agree(app, "old")
    assert history(app)[0]["outcome"] == "interrupted"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_restores(checking: tuple[App, Popen[str]], number: int, code: int) -> None:
    """SIGINT and SIGTERM in the health wait: what served serves again, and the exit code tells of the signal."""
    app, running = checking

    os.kill(running.pid, number)

    assert running.wait(30) == code
    assert_all_agree(app, "old")


def test_a_waiting_run_gets_its_turn(checking: tuple[App, Popen[str]]) -> None:
    """With --lock-wait the second run deploys when the first is over."""
    app, running = checking
    app.push("next")
    waiting = app.start_deploykit("run", "--tag", "next", "--lock-wait", "60")
    os.kill(running.pid, signal.SIGTERM)

    out, err = waiting.communicate(timeout=60)

    assert waiting.returncode == 0, out + err
    assert_all_agree(app, "next")


def test_abort_and_recover_of_nothing_are_fine(app: App) -> None:
    """Nothing runs, and nothing was left: both exit 0."""
    ended(app.deploykit("abort"), 0)
    ended(app.deploykit("recover"), 0)
