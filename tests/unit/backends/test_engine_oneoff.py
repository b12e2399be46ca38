"""One-offs of a release: its command, of which there are never two, and its rehearsal."""

from typing import Any

import pytest

from deploykit.backends.engine import labels
from deploykit.backends.engine.oneoff import OneOffs
from deploykit.errors import Interrupted, StepFailed
from deploykit.interrupt import Cause, Interruption
from deploykit.protocols import Control
from tests.unit.backends.docker import Answer, Docker, container

MADE = "f00d"


class Stage:
    """One-offs on a scripted docker, and what they show."""

    def __init__(self, docker: Docker) -> None:
        self.docker = docker
        self.shown: list[str] = []
        self.one_offs = OneOffs(docker.engine(), {labels.APP: "shop"})
        self.left()
        docker.says("logs")
        docker.says("wait", "0\n")
        docker.says("rm")
        docker.says("stop")

    def left(self, *containers: dict[str, Any]) -> None:
        """Let these be what killed runs left."""
        self.docker.says("ps", "".join(f"{one['Id']}\n" for one in containers))
        if containers:
            self.docker.says("container inspect", list(containers))

    def run(self, interruption: Interruption | None = None, timeout: float = 30) -> None:
        control = Control(interruption or Interruption(), show=self.shown.append)
        self.one_offs.command(self._start, timeout, control)

    def _start(self) -> str:
        self.shown.append("(started)")
        return MADE

    def verbs(self) -> list[str]:
        return [call for call in self.docker.calls() if call.split()[0] in {"logs", "wait", "rm", "stop"}]


@pytest.fixture
def stage(docker: Docker) -> Stage:
    return Stage(docker)


def killed_run(name: str = "left", **fields: Any) -> dict[str, Any]:
    return container(name, labels={labels.DEPLOYMENT: "r4"}, **fields)


def test_what_the_command_writes_is_shown_and_its_container_goes(stage: Stage) -> None:
    """Both streams, line by line."""
    stage.docker.answers("logs", Answer("Applying 0007... OK\n", "a warning\n"))
    stage.run()
    assert sorted(stage.shown) == ["(started)", "Applying 0007... OK", "a warning"]
    assert stage.verbs() == [f"logs --follow {MADE}", f"wait {MADE}", f"rm --force --volumes {MADE}"]


def test_a_command_that_fails_fails_the_step(stage: Stage) -> None:
    """With its code; its container goes all the same."""
    stage.docker.says("wait", "3\n")
    with pytest.raises(StepFailed, match="Release command exited with code 3"):
        stage.run()
    assert stage.verbs()[-1] == f"rm --force --volumes {MADE}"


def test_a_command_that_does_not_end_is_stopped(stage: Stage) -> None:
    """After `release_timeout`, which the message names."""
    stage.docker.hangs("logs")
    with pytest.raises(StepFailed, match=r"did not end within 0\.2s") as failed:
        stage.run(timeout=0.2)
    assert "release_timeout" in failed.value.hint
    assert stage.verbs()[-2:] == [f"stop {MADE}", f"rm --force --volumes {MADE}"]


def test_told_to_stop_it_stops_the_command(stage: Stage) -> None:
    """And leaves nothing of it."""
    stage.docker.hangs("logs")
    interruption = Interruption()
    interruption.request(Cause.sigterm)
    with pytest.raises(Interrupted):
        stage.run(interruption)
    assert stage.verbs()[-2:] == [f"stop {MADE}", f"rm --force --volumes {MADE}"]


def test_one_that_a_killed_run_left_running_is_waited_for(stage: Stage) -> None:
    """Only then does the next one start."""
    left = killed_run()
    stage.left(left)
    stage.docker.answers("logs", Answer("still at it\n"))
    stage.run()
    assert stage.shown[:3] == ["the release command of r4, which was killed, still runs", "still at it", "(started)"]
    follow, wait, remove, *rest = stage.verbs()
    assert [follow, wait, remove] == [
        f"logs --follow {left['Id']}",
        f"wait {left['Id']}",
        f"rm --force --volumes {left['Id']}",
    ]
    assert rest[0] == f"logs --follow {MADE}"
    assert f"label={labels.ROLE}={labels.COMMAND}" in stage.docker.calls("ps")[0]


def test_one_that_has_ended_is_not_waited_for(stage: Stage) -> None:
    """It goes."""
    left = killed_run(state={"Status": "exited"})
    stage.left(left)
    stage.run()
    assert stage.verbs()[0] == f"rm --force --volumes {left['Id']}"
    assert stage.shown == ["(started)"]


def test_what_killed_rehearsals_left_goes(stage: Stage) -> None:
    """Found by its label."""
    left = killed_run()
    stage.left(left)
    stage.one_offs.clear_rehearsals()
    assert f"label={labels.ROLE}={labels.REHEARSAL}" in stage.docker.calls("ps")[0]
    assert stage.verbs() == [f"rm --force --volumes {left['Id']}"]
