"""What went live is watched, the lock free: what turns unhealthy is gone back from."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.engine.support.docker import docker
from tests.engine.support.told import assert_all_agree, assert_in_order, ended, history, status

if TYPE_CHECKING:
    from subprocess import Popen

    from tests.engine.support.project import App

LONG = {"bake": 300, "interval": 0.3}


@pytest.fixture
def serving(app: App) -> App:
    """An app of which deploykit has deployed `old`, and that is to be watched for long after a deploy."""
    app.push("old")
    ended(app.deploykit("run", "--tag", "old"), 0)
    app.write_config(health=LONG)
    return app


def test_one_that_dies_is_gone_back_from_at_once(serving: App) -> None:
    """The deploy stays in the history as it ended; the rollback has a row of its own."""
    serving.push("bad", exit_after=4, exit_code=3)

    done = ended(serving.deploykit("run", "--tag", "bad"), 1)

    assert_in_order(done.stdout, ["[deploy] Watching bad for 300s...", "[deploy] Rollback completed successfully"])
    (told,) = (line for line in done.stdout.splitlines() if "ERROR" in line)
    assert told.startswith("[deploy] ERROR: Turned unhealthy")
    assert "exited with code 3" in told
    assert [(one["kind"], one["outcome"]) for one in history(serving)[:2]] == [
        ("rollback", "deployed"),
        ("deploy", "deployed"),
    ]
    assert_all_agree(serving, "old")


def test_one_that_fails_its_looks_is_gone_back_from(serving: App) -> None:
    """After three of them; the lock is free until then."""
    serving.push("new")
    process = watched(serving, "run", "--tag", "new", "--json")
    assert status(serving)["lock"] is None
    assert status(serving)["current"]["tag"] == "new"
    turn_unhealthy(serving)

    told = rest(process)

    assert process.returncode == 1
    assert len([one for one in told if one["event"] == "watch.faltered"]) == 3
    assert (told[-1]["outcome"], told[-1]["exit_code"]) == ("rolled_back", 1)
    assert_all_agree(serving, "old")


def test_another_deployment_ends_it(serving: App) -> None:
    """0: what becomes of it is no more its affair."""
    for tag in ("new", "newer"):
        serving.push(tag)
    process = watched(serving, "run", "--tag", "new", "--json")
    serving.write_config(health={"bake": 0})

    ended(serving.deploykit("run", "--tag", "newer"), 0)

    assert [one["sight"] for one in rest(process) if one["event"] == "watch.ended"] == ["superseded"]
    assert process.returncode == 0
    assert_all_agree(serving, "newer")


def test_an_interrupt_ends_it(serving: App) -> None:
    """0: the release is live, and stays."""
    serving.push("new")
    process = watched(serving, "run", "--tag", "new", "--json")
    process.send_signal(signal.SIGINT)

    assert rest(process)[-1]["outcome"] == "deployed"
    assert process.returncode == 0
    assert_all_agree(serving, "new")


def test_by_hand(serving: App) -> None:
    """`watch` looks at what serves, and goes back from it; a time that passes is 0."""
    serving.write_config(health={"interval": 0.3})
    serving.push("new")
    ended(serving.deploykit("run", "--tag", "new"), 0)
    ended(serving.deploykit("watch", "--for", "1"), 0)
    process = watched(serving, "watch", "--json")
    turn_unhealthy(serving)
    rest(process)

    assert process.returncode == 1
    assert_all_agree(serving, "old")


def watched(app: App, *argv: str) -> Popen[str]:
    """Start a command, and return when it watches."""
    process = app.start_deploykit(*argv)
    assert process.stdout
    assert any(json.loads(line)["event"] == "watch.started" for line in process.stdout)
    return process


def rest(process: Popen[str]) -> list[dict[str, Any]]:
    """Return what a command tells until it ends."""
    told, _ = process.communicate(timeout=60)
    return [json.loads(line) for line in told.splitlines()]


def turn_unhealthy(app: App) -> None:
    """Let the app answer 503 from now on."""
    docker("exec", app.container().id, "/bin/busybox", "touch", "/draining")
