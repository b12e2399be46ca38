"""`deploykit run` on a real swarm of three nodes with three replicas, of which one fails. See test_deploy.py too."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from scripts.commands import until
from tests.engine.support.swarm import ON_THREE_NODES, REPLICAS, make_app
from tests.engine.support.told import ended

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.support.cluster import Cluster
    from tests.engine.support.stand import Stand
    from tests.engine.support.swarm import SwarmApp

HEALTH = {"attempts": 12, "interval": 0.5, "stable_for": 1}
BUDGET = 6.0
pytestmark = ON_THREE_NODES


@pytest.fixture
def serving(stand: Stand) -> SwarmApp:
    """An app of which `old` serves on all three nodes."""
    app = stand.app()
    app.write_config(health=HEALTH)
    app.push("new")
    return app


def test_a_crashing_release_beside_what_serves_takes_none(three_nodes: Cluster, tmp_path: Path) -> None:
    """With start-first all three old tasks go on; the container's health tells."""
    app = make_app(three_nodes, tmp_path, REPLICAS)
    app.port = 8000  # in the nodes' own network: a published port would leave no node for a fourth task
    app.is_made_with(ports=[], networks=["host"])
    app.write_config(backend={"order": "start-first"}, probes=[{"type": "container"}])
    try:
        app.push("old", healthcheck=True)
        app.push("bad", exit_after=0, exit_code=3, healthcheck=True)
        ended(app.deploykit("run", "--tag", "old"), 0)
        before = app.container()
        with app.client() as client:
            done = ended(app.deploykit("run", "--tag", "bad"), 1)
        assert app.death(3, after="0") in done.stdout
        assert client.outage().longest == 0
        assert app.container() == before
    finally:
        app.remove()


def test_a_node_that_cannot_pull(serving: SwarmApp) -> None:
    """Once is nothing; again and again, what served comes back, and the node is named."""
    serving.write_config(health=HEALTH, backend={"parallelism": 0})
    node, registry = serving.cluster.nodes[1], serving.cluster.registry.address.partition(":")[0]
    node.cut_off(registry)
    try:
        done = ended(serving.deploykit("run", "--tag", "new"), 1)
        assert "node node2 rejected it: " in done.stdout
        assert until(lambda: serving.versions() == ["old"] * REPLICAS, within=20)
        before = rejected(serving)
        deploy = serving.start_deploykit("run", "--tag", "new")
        assert until(lambda: bool(rejected(serving) - before), within=60)
    finally:
        node.reconnect(registry)
    out, err = deploy.communicate(timeout=90)
    assert deploy.returncode == 0, out + err
    assert serving.versions() == ["new"] * REPLICAS


def rejected(app: SwarmApp) -> set[str]:
    """The tasks that a node has refused."""
    return {one["ID"] for one in app.tasks() if one["Status"]["State"] == "rejected"}


@pytest.mark.parametrize("version", ["new", "old"])
def test_a_node_is_lost_in_the_middle(serving: SwarmApp, version: str) -> None:
    """One that has its new task, or is yet to get it: it ends, within the budgets of its batches, and names the node.

    What is left serves one release.
    """
    deploy = serving.start_deploykit("run", "--tag", "new")
    assert until(lambda: "new" in serving.versions(), within=30)
    workers = serving.cluster.nodes[1:]
    assert until(lambda: version in map(serving.version_on, workers), within=30)
    node = next(one for one in workers if serving.version_on(one) == version)
    node.lose()
    began = time.monotonic()
    try:
        out, err = deploy.communicate(timeout=120)
        took = time.monotonic() - began
        left = [serving.version_on(one) for one in serving.cluster.nodes if one is not node]
    finally:
        node.find()
        assert until(serving.cluster.is_whole, within=60)
    assert deploy.returncode in {0, 1}, out + err
    assert f"node {node.hostname} is down" in out
    assert left == ["new" if deploy.returncode == 0 else "old"] * 2
    assert took < BUDGET * (REPLICAS + 1) + 10
