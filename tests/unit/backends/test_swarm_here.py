"""What the node that is asked knows of the tasks that it runs."""

from typing import Any

import pytest

from deploykit.errors import ConfigError, PullFailed
from deploykit.protocols import Control, PullPolicy
from deploykit.release import Release
from tests.unit.backends.docker import Docker, container, image, sha
from tests.unit.backends.swarm import NEW, OLD, Stage, all_of, said_of_service, said_of_task


@pytest.fixture
def stage(docker: Docker, tmp_path: Any) -> Stage:
    return Stage(docker, tmp_path)


def without_digest(release: Release) -> list[dict[str, Any]]:
    """Tasks of a service that was made where no registry could be asked."""
    tasks = all_of(release)
    for one in tasks:
        one["Spec"]["ContainerSpec"] = {"Image": "registry.test/team/web:one"}
    return tasks


def test_what_has_no_digest_is_told_by_a_container(stage: Stage) -> None:
    """Its tag may have moved since: what runs, and would come back, is what the container was made of."""
    stage.there(said_of_service(OLD), without_digest(OLD))
    stage.docker.says("container inspect", [container(image="before")])
    stage.docker.says(f"image inspect {sha('before')}", [image("before")])
    running = stage.backend.running()
    assert running is not None
    assert running.image.name == "registry.test/team/web:one"
    assert (running.image.id, running.image.digest) == (sha("before"), sha("digest of before"))


def test_what_has_no_digest_and_is_not_here_is_refused(stage: Stage) -> None:
    """Nothing could bring it back, so nothing is touched."""
    stage.there(said_of_service(OLD), without_digest(OLD))
    stage.docker.fails("image inspect", "No such image")
    with pytest.raises(ConfigError, match="told no digest of registry") as caught:
        stage.backend.running()
    assert "docker pull" in caught.value.hint


def test_what_the_nodes_have_needs_not_come_here(stage: Stage) -> None:
    """A registry that is down is no reason not to go back; to what no task was made of there is no way."""
    stage.docker.fails("image inspect", "No such image")
    stage.docker.fails("pull", "connection refused")
    stage.there(said_of_service(NEW), [*all_of(OLD, "shutdown"), *all_of(NEW)])
    assert stage.backend.pull(OLD.image, PullPolicy.missing, Control()) == OLD.image
    with pytest.raises(PullFailed):
        stage.backend.pull(OLD.image, PullPolicy.always, Control())
    stage.there(said_of_service(NEW), all_of(NEW))
    with pytest.raises(PullFailed):
        stage.backend.pull(OLD.image, PullPolicy.missing, Control())


def test_a_kill_on_another_node_is_told_as_what_it_may_be(stage: Stage) -> None:
    """Only the node knows whether it was for its memory; here, the container tells."""
    task = said_of_task(NEW, "failed", code=137, node="n2")
    stage.there(said_of_service(NEW), [task])
    (one,) = stage.backend.instances(NEW)
    assert (one.exit_code, one.oom_killed, "it may be for its memory" in one.error) == (137, False, True)
    here = task["Status"]["ContainerStatus"]["ContainerID"]
    state = {"Status": "exited", "ExitCode": 137, "OOMKilled": True}
    stage.docker.says("ps --all", here)
    stage.docker.says("container inspect", [container(Id=here, state=state)])
    (one,) = stage.backend.instances(NEW)
    assert (one.oom_killed, one.error) == (True, "")
