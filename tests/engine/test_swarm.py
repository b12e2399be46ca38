"""`deploykit run` on a real swarm of one node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scripts.commands import until
from tests.engine.support.swarm import SwarmApp, make_app, make_cluster
from tests.engine.support.told import assert_in_order, ended, history, status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engine.support.cluster import Cluster


EXAMPLE = Path(__file__).parents[2] / "examples" / "swarm"
pytestmark = pytest.mark.xdist_group("swarm")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    yield from make_cluster(1)


@pytest.fixture
def app(cluster: Cluster, tmp_path: Path) -> Iterator[SwarmApp]:
    app = make_app(cluster, tmp_path, replicas=1)
    yield app
    app.remove()


@pytest.fixture
def serving(app: SwarmApp) -> SwarmApp:
    """An app of which somebody has made the service, of `old`."""
    return made(app)


def made(app: SwarmApp) -> SwarmApp:
    app.push("old")
    app.create_by_hand("old", "--env", "KEPT=yes", "--update-delay", "2s", "--update-failure-action", "rollback")
    assert app.serves("old")
    return app


@pytest.fixture(scope="module")
def lasting(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SwarmApp]:
    """One such app for all bad releases."""
    app = made(make_app(cluster, tmp_path_factory.mktemp("lasting"), replicas=1))
    app.write_config(health={"attempts": 6, "interval": 0.5, "stable_for": 2})
    yield app
    app.remove()


def last(app: SwarmApp, *argv: str, code: int) -> dict[str, Any]:
    """Run deploykit, and return the last of the objects that it wrote."""
    said: dict[str, Any] = json.loads(ended(app.deploykit(*argv, "--json"), code).stdout.splitlines()[-1])
    return said


def test_a_good_release_goes_live_and_back(serving: SwarmApp) -> None:
    """By digest, though the tag has moved, with all that the service had; a second way back leads not forward again."""
    new = serving.push("old", version="new")
    ended(serving.deploykit("run", "--tag", "old"), 0)

    assert serving.serves("new")
    assert serving.pinned() == new.pinned
    said = status(serving)
    assert (said["current"]["digest"], said["current"]["image_id"]) == (new.digest, new.image_id)
    assert [(one["status"], one["node"]) for one in said["instances"]] == [("running", "node1")]
    spec = serving.said()
    assert spec["TaskTemplate"]["ContainerSpec"]["Env"] == ["KEPT=yes"]
    assert (spec["UpdateConfig"]["Delay"], spec["UpdateConfig"]["FailureAction"]) == (2_000_000_000, "rollback")

    ended(serving.deploykit("rollback"), 0)
    assert serving.serves("old")
    ended(serving.deploykit("rollback"), 2)
    assert serving.version() == "old"


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        pytest.param({"exit_after": 1, "exit_code": 3}, "Task exited with code 3 after 1.", id="crashes"),
        pytest.param({"status": 500}, "Health check failed after 3s", id="500"),
        pytest.param({"start_delay": 60}, "Health check failed after 3s", id="never ready"),
    ],
)
def test_a_bad_release_is_restored(lasting: SwarmApp, behaviour: Any, told: str) -> None:
    """The engine's own update says success, or goes back by itself; deploykit says what became of it."""
    serving, old = lasting, lasting.pinned()
    serving.push("bad", **behaviour)

    done = ended(serving.deploykit("run", "--tag", "bad"), 1)

    error = next(line for line in done.stdout.splitlines() if "ERROR" in line)
    assert error.startswith(f"[deploy] ERROR: {told}")
    assert_in_order(
        done.stdout,
        [
            error,
            "[deploy] ROLLBACK: Starting rollback to previous version...",
            f"[deploy] Rolling back to: {serving.images.repository}:old",
            "[deploy] Rollback completed successfully",
        ],
    )
    assert ("ImportError: courts" in done.stdout) == ("exit_code" in behaviour)
    assert serving.serves("old")
    assert serving.pinned() == old
    assert history(serving)[0]["outcome"] == "rolled_back"


def test_a_stack_is_deployed_from_its_compose_file(app: SwarmApp) -> None:
    """The example's. A release runs with its own file, and so does the one before it when it comes back."""
    variables = {"WEB_IMAGE": app.images.repository, "WEB_PORT": str(app.port), "WEB_REPLICAS": "1"}
    config = (EXAMPLE / "deploykit.toml").read_text().replace('"shop"', f'"{app.name}"').replace("stable_for = 2", "")
    app.config.write_text(config.replace("docker-compose.yml", app.compose_file.name))
    for tag, greeting in (("old", "hello"), ("new", "hello again")):
        app.push(tag)
        text = (EXAMPLE / "docker-compose.yml").read_text()
        app.compose_file.write_text(text.replace("    ports:", f'    environment: ["GREETING={greeting}"]\n    ports:'))
        ended(app.deploykit("run", "--tag", tag, env=variables), 0)
        assert app.said()["TaskTemplate"]["ContainerSpec"]["Env"] == [f"GREETING={greeting}"]
    assert app.said()["UpdateConfig"].get("Delay", 0) == 0

    ended(app.deploykit("rollback", env={"WEB_PORT": str(app.port)}), 0)
    assert app.serves("old")
    assert app.said()["TaskTemplate"]["ContainerSpec"]["Env"] == ["GREETING=hello"]


def test_the_manager_is_restarted_in_the_middle(serving: SwarmApp) -> None:
    """The engine is waited for; what it ended itself is not held against a release."""
    serving.write_config(health={"attempts": 60, "interval": 0.5, "stable_for": 3})
    serving.push("new")
    deploy = serving.start_deploykit("run", "--tag", "new")
    assert serving.serves("new")

    serving.cluster.manager.restart()

    out, err = deploy.communicate(timeout=90)
    assert deploy.returncode in {0, 1}, out + err
    assert "Traceback" not in out + err
    assert serving.serves("new" if deploy.returncode == 0 else "old")
    assert status(serving)["state"] == ("healthy" if deploy.returncode == 0 else "rolled_back")


def test_a_killed_deploy_is_finished(serving: SwarmApp) -> None:
    """The swarm goes no further than the batch that was begun; the next command goes on, and lets go of it."""
    serving.push("new")
    deploy = serving.start_deploykit("run", "--tag", "new")
    assert until(lambda: "org.deploykit.held" in serving.said()["Labels"], within=20)
    deploy.kill()
    deploy.communicate()

    ended(serving.deploykit("recover"), 0)

    assert serving.serves("new")
    assert "org.deploykit.held" not in serving.said()["Labels"]
