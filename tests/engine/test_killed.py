"""SIGKILL in every state of every backend and strategy, and within engine commands: the next command finishes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.engine.support.told import ended, history, status

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.engine.support.project import App

PROBE = {"type": "http", "port": 8000, "path": "/api/health/", "timeout": 2}
NOT_STARTED = {"saved", "pulling", "preparing"}
STATES = {
    "recreate": ["saved", "pulling", "preparing", "starting", "checking", "healthy"],
    "rolling": ["saved", "pulling", "starting", "checking", "promoting", "healthy"],
}
MOST_COMMANDS = 15


@dataclass
class Stage:
    """An app of one kind and one strategy, on which commands are killed, one after the other."""

    app: App
    strategy: str
    serving: str = ""
    number: int = 0

    def deploy_good(self) -> str:
        """Deploy a release of a new tag, that nobody kills."""
        tag = self.push()
        ended(self.app.deploykit("run", "--tag", tag), 0)
        self.serving = tag
        return tag

    def push(self, *, bad: bool = False) -> str:
        self.number += 1
        tag = f"{'bad' if bad else 'good'}{self.number}"
        if bad:
            self.app.push(tag, exit_after=0, exit_code=3)
        else:
            self.app.push(tag)
        return tag

    def run(self, tag: str, *, rehearse: bool = False) -> list[str]:
        return ["run", "--tag", tag, *(["--rehearse"] if rehearse and self.strategy == "recreate" else [])]

    def finish(self, state: str | None, *argv: str) -> int:
        """Run the next command, which says what it finishes; return its exit code."""
        done = self.app.deploykit(*argv)
        assert done.returncode in {0, 1}, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        assert state is None or f"killed in {state}" in done.stdout, done.stdout
        return done.returncode

    def agrees_on(self, *tags: str) -> str:
        """Assert that one of these runs, in one container and nothing beside it, and that all that is told agrees."""
        alive = [one for one in self.app.containers() if one.state != "exited"]
        (only,) = alive
        kept = [one for one in self.app.containers() if one.state == "exited"]
        assert len(kept) <= (self.app.kind == "docker" and self.strategy == "recreate"), kept
        said = status(self.app)
        assert said["current"]["tag"] in tags, (said, tags)
        assert (said["current"]["image_id"], said["lock"]) == (only.image_id, None)
        assert said["state"] in {"healthy", "rolled_back", "failed"}
        self._tag_file_agrees(said)
        self.serving = str(said["current"]["tag"])
        return self.serving

    def _tag_file_agrees(self, said: dict[str, Any]) -> None:
        """It names what a rollback goes to, or else what serves; there is none where nothing was ever replaced."""
        noted = self.app.tag_file.read_text() if self.app.tag_file.exists() else ""
        if said["previous"]:
            assert noted == f"{said['previous']['tag']}\n"
        else:
            untouched = history(self.app)[0]["outcome"] == "untouched"
            assert noted == ("" if untouched else f"{said['current']['tag']}\n")


@pytest.fixture(params=["recreate", "rolling"])
def stage(app: App, request: pytest.FixtureRequest) -> Stage:
    """A good release has been deployed."""
    app.is_made_with(ports=["8000"])
    app.write_config(backend={"strategy": request.param}, probes=[PROBE])
    stage = Stage(app, request.param)
    stage.deploy_good()
    return stage


def test_a_deploy_that_is_killed_in_any_state_is_finished(stage: Stage) -> None:
    """By `recover`: what was not started is over, what was started goes on, and what had ended is tidied up."""
    for state in STATES[stage.strategy]:
        before, tag = stage.serving, stage.push()
        assert stage.app.killed(f"state:{state}", *stage.run(tag, rehearse=True)), state
        over = state == "healthy"
        code = stage.finish(None if over else state, "recover")
        assert code == (1 if state in NOT_STARTED else 0), state
        stage.agrees_on(before if state in NOT_STARTED else tag)


def test_a_killed_restore_is_finished(stage: Stage) -> None:
    """A release that crashes: what served serves again, wherever the way there and back was cut."""
    for point in ("command:1:during", "state:rolling_back", "state:rolled_back"):
        before, tag = stage.serving, stage.push(bad=True)
        assert stage.app.killed(point, *stage.run(tag)), point
        stage.finish(None if history(stage.app)[0]["outcome"] else history(stage.app)[0]["state"], "recover")
        assert stage.agrees_on(before) == before


def test_a_killed_rollback_is_finished(stage: Stage) -> None:
    """With what it was to bring, when it had begun to."""
    for state in ("saved", "starting", "checking"):
        before, serving = stage.serving, stage.deploy_good()
        assert stage.app.killed(f"state:{state}", "rollback"), state
        assert stage.finish(state, "recover") == int(state == "saved")
        stage.agrees_on(serving if state == "saved" else before)


def test_whatever_is_typed_next_finishes_it_first(stage: Stage) -> None:
    """`run` then deploys its own; `rollback` is done when the deploy that was under way is undone."""
    stage.app.killed("state:checking", *stage.run(stage.push()))
    tag = stage.push()
    assert stage.finish("checking", "run", "--tag", tag) == 0
    stage.agrees_on(tag)
    stage.app.killed("command:1:during", *stage.run(stage.push()))
    assert stage.finish("starting", "rollback") == 0
    assert stage.agrees_on(tag) == tag


ACTS: dict[str, tuple[str, Callable[[Stage], list[str]]]] = {
    "a deploy": ("", lambda stage: [*stage.run(stage.push()), "--force"]),
    "a restore": (":rolling_back", lambda stage: stage.run(stage.push(bad=True))),
}
"""From which state on their commands are counted, and how they begin."""


@pytest.mark.parametrize("act", ACTS)
def test_a_kill_within_any_engine_command_is_healed(stage: Stage, act: str) -> None:
    """The command goes on without deploykit, and holds the lock until it has ended; `recover` waits for that."""
    since, begin = ACTS[act]
    for number in range(1, MOST_COMMANDS):
        before, argv = stage.serving, begin(stage)
        if not stage.app.killed(f"command:{number}:during{since}", *argv):
            assert number > 1
            break
        stage.finish(None if history(stage.app)[0]["outcome"] else "", "recover")
        stage.agrees_on(before, *([argv[2]] if act == "a deploy" else []))
    else:
        raise AssertionError(f"it changes more than {MOST_COMMANDS} times")
