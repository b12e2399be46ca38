"""SIGKILL in the middle: the next command finishes what was left, and says so."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.engine.support.project import kill_group
from tests.engine.support.told import assert_all_agree, ended, history

if TYPE_CHECKING:
    from tests.engine.support.project import ComposeApp

MOMENTS = [n / 10 for n in range(1, 11)]
"""Parts of the time that the whole thing takes."""


@pytest.fixture
def two_deep(compose_app: ComposeApp) -> ComposeApp:
    """An app that went through good deploys of a and b."""
    for tag in ("a", "b"):
        compose_app.push(tag)
        ended(compose_app.deploykit("run", "--tag", tag), 0)
    return compose_app


def killed_at(app: ComposeApp, moment: float, *argv: str) -> str | None:
    """Kill deploykit and its process group at a part of the time that a deploy takes; return where it was."""
    process = app.start_deploykit(*argv)
    time.sleep(moment * 3.5)  # the moment itself is the point: there is nothing to wait for
    kill_group(process, signal.SIGKILL)
    process.wait()
    newest = history(app)[0]
    return None if newest["outcome"] else str(newest["state"])


def assert_told(out: str, state: str | None) -> None:
    if state:
        assert f"killed in {state}" in out


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_deploy_is_finished(two_deep: ComposeApp, moment: float) -> None:
    """After a kill during a deploy: `recover`, then `run`, then `rollback` each end with all in agreement."""
    two_deep.push("c")
    state = killed_at(two_deep, moment, "run", "--tag", "c")

    done = two_deep.deploykit("recover")

    assert done.returncode in {0, 1}, done.stdout + done.stderr
    assert_told(done.stdout, state)
    assert_all_agree(two_deep, "b", "c")


@pytest.mark.parametrize("moment", MOMENTS[2::3])
def test_a_run_first_finishes_a_killed_deploy(two_deep: ComposeApp, moment: float) -> None:
    """`run` after a kill finishes what was left, and then deploys what it was asked for."""
    two_deep.push("c")
    two_deep.push("d")
    state = killed_at(two_deep, moment, "run", "--tag", "c")

    done = ended(two_deep.deploykit("run", "--tag", "d"), 0)

    assert_told(done.stdout, state)
    assert_all_agree(two_deep, "d")


@pytest.mark.parametrize("moment", MOMENTS[2::3])
def test_a_rollback_undoes_a_killed_deploy(two_deep: ComposeApp, moment: float) -> None:
    """`rollback` after a kill undoes the deploy that was under way; one that never began is gone a step back from."""
    two_deep.push("c")
    state = killed_at(two_deep, moment, "run", "--tag", "c")

    done = ended(two_deep.deploykit("rollback"), 0)

    assert_told(done.stdout, state)
    undone = state in {"starting", "checking", "promoting", "rolling_back"} or history(two_deep)[1]["tag"] == "c"
    assert_all_agree(two_deep, *(("b", "a") if not undone else ("b",)))


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_rollback_is_finished(two_deep: ComposeApp, moment: float) -> None:
    """After a kill during a rollback, `recover` ends with the target or with what served, and all in agreement."""
    state = killed_at(two_deep, moment * 0.8, "rollback")

    done = two_deep.deploykit("recover")

    assert done.returncode in {0, 1}, done.stdout + done.stderr
    assert_told(done.stdout, state)
    assert_all_agree(two_deep, "a", "b")


@pytest.mark.parametrize("moment", MOMENTS[3::3])
def test_a_killed_restore_is_finished(two_deep: ComposeApp, moment: float) -> None:
    """A kill while a crashing release is gone back from: `recover` brings the old one."""
    two_deep.push("bad", exit_after=0, exit_code=3)
    killed_at(two_deep, moment * 1.6, "run", "--tag", "bad")

    two_deep.deploykit("recover")

    assert_all_agree(two_deep, "b")
