"""SIGKILL between any two commands of the docker backend: the next run of deploykit heals it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.engine.support.fault import Fault
from tests.engine.support.told import assert_all_agree, ended, history

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engine.support.project import DockerApp

MOST = 12


def deployed(app: DockerApp, tag: str) -> str:
    app.push(tag)
    ended(app.deploykit("run", "--tag", tag), 0)
    return tag


def killed_at_each(app: DockerApp, moment: str, code: int, *argv: str) -> Iterator[int]:
    """Run a command that is killed at its first change, then at its second, until it comes through, with this code."""
    fault = Fault(app.folder / "bin")
    for number in range(1, MOST):
        done = app.deploykit(*argv, env=fault.at(number, moment))
        if done.returncode != -signal.SIGKILL:
            ended(done, code)
            assert number > 3, fault.changes()
            return
        yield number
    raise AssertionError(f"it changes more than {MOST} times: {fault.changes()}")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_killed_deploy_is_finished(docker_app: DockerApp, moment: str) -> None:
    """With the new release or the old one, and no container too many."""
    deployed(docker_app, "a")
    docker_app.push("b")
    serving = "a"
    for _ in killed_at_each(docker_app, moment, 0, "run", "--tag", "b", "--force"):
        over = history(docker_app)[0]["outcome"] is not None  # all but for the tidying up, which the next run does
        ended(docker_app.deploykit("recover"), 0)
        serving = "b" if over else assert_all_agree(docker_app, serving, "b")
        assert docker_app.version() == serving
    assert_all_agree(docker_app, "b")


def test_a_killed_restore_is_finished(docker_app: DockerApp) -> None:
    """What served serves again, though the release that failed and the way back were cut."""
    deployed(docker_app, "a")
    docker_app.push("bad", exit_after=0, exit_code=3)
    for _ in killed_at_each(docker_app, "before", 1, "run", "--tag", "bad"):
        assert docker_app.deploykit("recover").returncode in {0, 1}  # 0: it had come to its end
        assert_all_agree(docker_app, "a")
    assert_all_agree(docker_app, "a")


def test_a_killed_rollback_is_finished(docker_app: DockerApp) -> None:
    """By the next rollback: it is the one that was asked for."""
    deployed(docker_app, "a")
    deployed(docker_app, "b")
    for _ in killed_at_each(docker_app, "before", 0, "rollback"):
        if history(docker_app)[0]["outcome"] is None:  # else it was killed when all was done but for tidying up
            ended(docker_app.deploykit("rollback"), 0)
        assert_all_agree(docker_app, "a")
        deployed(docker_app, "b")
    assert_all_agree(docker_app, "a")


def test_a_killed_rolling_deploy_is_finished(docker_app: DockerApp) -> None:
    """One instance serves under the app's name, whichever it is."""
    docker_app.is_made_with(ports=["8000"], strategy="rolling")
    docker_app.write_config(probes=[{"type": "http", "port": 8000, "path": "/api/health/"}])
    deployed(docker_app, "a")
    for number in killed_at_each(docker_app, "before", 0, "run", "--tag", "a", "--force"):
        done = docker_app.deploykit("recover")
        assert done.returncode == 0, (number, done.stdout)
        (only,) = docker_app.containers()
        assert only.running
