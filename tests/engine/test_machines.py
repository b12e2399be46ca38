"""Two machines deploy one app to an engine that is neither's: `[state] store = "engine"`."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from scripts.commands import until
from tests.engine.support import toml
from tests.engine.support.machines import Door, Machine
from tests.engine.support.swarm import make_app, make_cluster
from tests.engine.support.told import ended

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engine.support.cluster import Cluster
    from tests.engine.support.swarm import SwarmApp

pytestmark = pytest.mark.xdist_group("machines")
LEASE = 5


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    yield from make_cluster(1)


@pytest.fixture(scope="module")
def docker_host(cluster: Cluster) -> Iterator[str]:
    door = Door(cluster.host, cluster.manager.host.removeprefix("unix://"))
    yield door.host
    door.close()


@pytest.fixture
def app(cluster: Cluster, tmp_path: Path) -> Iterator[SwarmApp]:
    app = make_app(cluster, tmp_path, replicas=1)
    yield app
    app.remove()
    if ids := cluster.manager.docker("ps", "-aq", "--filter", f"label=org.deploykit.app={app.name}").split():
        cluster.manager.docker("rm", "-f", *ids)


@pytest.fixture
def machines(app: SwarmApp, docker_host: str, tmp_path: Path) -> Iterator[tuple[Machine, Machine]]:
    here, there = (Machine(app.cluster, name, tmp_path / name, docker_host) for name in ("here", "there"))
    yield here, there
    here.remove()
    there.remove()


def on_docker(app: SwarmApp) -> dict[str, Any]:
    """The same app as containers of the manager's own engine, by a place that all reach."""
    address = app.cluster.manager.address
    return {
        "app": {"name": app.name, "image": app.images.repository},
        "backend": {"type": "docker", "ports": [f"{app.port}:8000"]},
        "health": {"probe": [{"type": "http", "url": f"http://{address}:{app.port}/api/health/", "timeout": 2}]},
    }


@pytest.fixture(params=["swarm", "docker"])
def checked_out(request: pytest.FixtureRequest, app: SwarmApp, machines: tuple[Machine, Machine]) -> SwarmApp:
    """The app's files on both machines."""
    shared: dict[str, Any] = {"state": {"store": "engine", "lease": LEASE}, "health": {"attempts": 12, "interval": 0.5}}
    if request.param == "swarm":
        app.write_config(**shared)
    else:
        tables = on_docker(app)
        app.config.write_text(toml.dumps({**tables, **shared, "health": {**shared["health"], **tables["health"]}}))
    for machine in machines:
        machine.checks_out(app.folder)
    return app


def told(machine: Machine, *argv: str) -> Any:
    """What a looking verb writes there, whatever it ends with."""
    done = machine.deploykit(*argv, "--json")
    assert done.returncode in {0, 1}, done.stderr
    return json.loads(done.stdout)


def test_one_deploys_at_a_time_and_any_goes_on(checked_out: SwarmApp, machines: tuple[Machine, Machine]) -> None:
    """The second is told who holds the lock; killed, he is followed after his lease; all see the same history."""
    app, (here, there) = checked_out, machines
    app.push("old")
    app.push("new")
    app.push("never", status=500)
    ended(here.deploykit("run", "--tag", "old"), 0)
    holder = here.start_deploykit("run", "--tag", "never")
    assert until(lambda: told(there, "status")["state"] == "checking", within=30, every=0.2)

    refused = ended(there.deploykit("run", "--tag", "new"), 75)

    assert f"pid {holder.pid}, " in refused.stderr
    assert "@here, since" in refused.stderr
    assert told(there, "status")["lock"]["pid"] == holder.pid

    os.killpg(holder.pid, signal.SIGKILL)
    ended(there.deploykit("run", "--tag", "new", "--lock-wait", "30"), 0)

    assert app.serves("new")
    histories = [told(machine, "history") for machine in machines]
    assert histories[0] == histories[1]
    assert [(one["tag"], one["outcome"]) for one in histories[0]] == [
        ("new", "deployed"),
        ("never", "rolled_back"),
        ("old", "deployed"),
    ]

    ended(here.deploykit("rollback"), 0)

    assert app.serves("old")
    assert told(here, "status") == told(there, "status")


@pytest.mark.parametrize("checked_out", ["docker"], indirect=True)
def test_a_deploy_is_stopped_from_another_machine(checked_out: SwarmApp, machines: tuple[Machine, Machine]) -> None:
    """`abort` there waits until it is safe; the run here ends as by SIGTERM; a hold there is one here."""
    app, (here, there) = checked_out, machines
    app.push("old")
    app.push("never", status=500)
    ended(here.deploykit("run", "--tag", "old"), 0)
    running = here.start_deploykit("run", "--tag", "never")
    assert until(lambda: told(there, "status")["state"] == "checking", within=30, every=0.2)

    ended(there.deploykit("abort"), 0)

    assert running.wait(20) == 143
    assert app.serves("old")
    ended(there.deploykit("hold", "-m", "migration"), 0)
    assert "migration" in ended(here.deploykit("run", "--tag", "old"), 6).stderr
