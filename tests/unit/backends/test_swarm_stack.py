"""The services of a stack, on a scripted docker."""

import json
from pathlib import Path
from typing import Any

import pytest

from deploykit.backends.swarm import StackBackend, StackFile, SwarmSettings, walk
from deploykit.errors import StepFailed
from deploykit.protocols import Control, Standing
from deploykit.store import ReleaseFolders
from tests.unit.backends.docker import Answer, Docker
from tests.unit.backends.swarm import HELD, NEW, OLD, Stage, all_of, said_of_service


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between two looks."""
    monkeypatch.setattr(walk, "_GAP", 0)


class Stack(Stage):
    """A stack's compose file, kept with a release."""

    def __init__(self, docker: Docker, folder: Path, text: str, *services: str) -> None:
        super().__init__(docker, folder)
        self.path, self.files = folder / "stack.yml", ReleaseFolders.of(folder / "state")
        self.path.write_text(text)
        services = services or ("web",)
        settings = SwarmSettings(name="shop", services=services, state=folder / "state")
        self.stack = StackBackend(settings, "shop", StackFile(self.path, services))
        self.files.keep(NEW.id, self.stack.snapshot(NEW.image))
        docker.says("service ls", "shop_db\nshop_web\n")
        docker.says("stack deploy")

    def deployed(self) -> dict[str, Any]:
        """The services of the last file that was deployed."""
        found: dict[str, Any] = json.loads(self.docker.stdin("stack"))["services"]
        return found


def test_a_stack_is_deployed_by_its_file(docker: Docker, tmp_path: Path) -> None:
    """Pinned, labelled, for its first batch alone, with credentials, in its own folder; nothing else is touched."""
    stage = Stack(docker, tmp_path, "services: {web: {image: x}, db: {image: y}}")
    stage.there(said_of_service(OLD), all_of(OLD), all_of(NEW))
    assert stage.stack.start(NEW, Control(deployment="r2"))
    assert docker.calls("stack") == [
        "stack deploy --detach --with-registry-auth --resolve-image never --compose-file - shop",
    ]
    web = stage.deployed()
    assert set(web) == {"web"}
    assert web["web"]["image"] == NEW.image.pinned
    assert web["web"]["labels"]["org.deploykit.release"] == NEW.id
    assert web["web"]["deploy"]["update_config"]["failure_action"] == "pause"
    assert HELD in web["web"]["deploy"]["labels"]


def test_a_stack_that_changed_meanwhile_is_deployed_again(docker: Docker, tmp_path: Path) -> None:
    """And one that the engine refuses is told in its words."""
    stage = Stack(docker, tmp_path, "services: {web: {image: x}}")
    refused = Answer(err="failed to update service shop_web: Error: update out of sequence", code=1)
    docker.answers("stack deploy", refused, Answer())
    stage.there(said_of_service(OLD), all_of(OLD), all_of(NEW))
    assert stage.stack.start(NEW, Control())
    assert len(docker.calls("stack")) == 2
    docker.fails("stack deploy", "services.web Additional property mem_limit is not allowed")
    with pytest.raises(StepFailed, match=r"docker stack deploy failed: .*mem_limit is not allowed"):
        stage.stack.start(NEW, Control())


def test_an_older_docker_does_not_know_that_nothing_is_to_be_waited_for(docker: Docker, tmp_path: Path) -> None:
    """It waits for nothing anyhow."""
    stage = Stack(docker, tmp_path, "services: {web: {image: x}}")
    docker.fails("stack deploy --detach", "unknown flag: --detach\nSee 'docker stack deploy --help'.", code=125)
    stage.there(said_of_service(OLD), all_of(OLD), all_of(NEW))
    assert stage.stack.start(NEW, Control())
    assert ["--detach" in call for call in docker.calls("stack")] == [True, False]


def test_a_service_that_a_release_does_not_know_goes(docker: Docker, tmp_path: Path) -> None:
    """A rollback to before there was a worker leaves none behind, and waits for none."""
    stage = Stack(docker, tmp_path, "services: {web: {image: x}, worker: {image: x}}", "web", "worker")
    stage.path.write_text("services: {web: {image: x}}")
    stage.files.keep(OLD.id, StackFile(stage.path, ("web",)).snapshot({}))
    docker.says("service ls", "shop_web\nshop_worker\n")
    docker.says("service rm")
    stage.there(said_of_service(NEW), all_of(NEW), all_of(OLD))
    worker = {**said_of_service(NEW), "ID": "s2"}
    worker["Spec"] = {**worker["Spec"], "Name": "shop_worker"}
    docker.says("inspect --type=service", [said_of_service(NEW), worker], [said_of_service(OLD)])
    assert stage.stack.start(OLD, Control())
    assert docker.calls("rm") == ["service rm s2"]


@pytest.mark.parametrize(
    ("deploy", "number"),
    [("{}", 3), ("{replicas: 5}", 5), ("{mode: global}", None)],
    ids=["kept", "as the file says", "on every node"],
)
def test_a_service_that_was_scaled_stays_so(docker: Docker, tmp_path: Path, deploy: str, number: int | None) -> None:
    """Unless its file says how many: by itself the engine would make of three replicas one."""
    stage = Stack(docker, tmp_path, f"services: {{web: {{image: x, deploy: {deploy}}}}}")
    stage.there(said_of_service(OLD), all_of(OLD), all_of(NEW))
    stage.stack.start(NEW, Control())
    assert stage.deployed()["web"]["deploy"].get("replicas") == number


@pytest.mark.parametrize(("replicas", "told"), [(3, False), (2, True)])
def test_a_file_that_would_scale_a_service_is_told(
    docker: Docker, tmp_path: Path, replicas: int, *, told: bool
) -> None:
    """Somebody has scaled it by hand, and the next deploy would take that back."""
    stage = Stack(docker, tmp_path, f"services: {{web: {{image: x, deploy: {{replicas: {replicas}}}}}}}")
    docker.says("version", "20.10.24")
    docker.fails("manifest inspect", "connection refused")
    stage.there(said_of_service(OLD), all_of(OLD))
    found = [one.text for one in stage.stack.findings(NEW.image, 60) if one.standing is Standing.warning]
    assert ("shop_web has 3 replicas, its file says 2: a deploy scales it" in found) == told
