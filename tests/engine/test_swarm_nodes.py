"""`deploykit run` on a real swarm of three nodes, with three replicas."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

import pytest

from scripts.commands import until
from tests.engine.support.swarm import SwarmApp, make_app, make_cluster
from tests.engine.support.told import ended, status

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engine.support.cluster import Cluster

REPLICAS = 3


pytestmark = pytest.mark.xdist_group("swarm nodes")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    yield from make_cluster(3)


@pytest.fixture
def serving(cluster: Cluster, tmp_path: Path) -> Iterator[SwarmApp]:
    """An app that serves on all three nodes."""
    app = make_app(cluster, tmp_path, replicas=REPLICAS)
    app.push("old")
    app.create_by_hand("old")
    app.write_config(health={"attempts": 20, "interval": 0.5, "stable_for": 2})
    assert until(lambda: app.versions() == ["old"] * REPLICAS, within=30), app.tasks()
    yield app
    app.remove()


class Least:
    """The smallest number of tasks that answered at any moment of a `with` block."""

    def __init__(self, app: SwarmApp) -> None:
        self._clients = app.clients()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for client in self._clients:
            self._stack.enter_context(client)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def number(self) -> int:
        """An outage lasts from a failed request to the end of the next good one; count those that overlap."""
        edges: list[tuple[float, int]] = []
        for client in self._clients:
            edges += _outages([(one.began, one.ended, one.answer is not None) for one in client.samples])
        down = most = 0
        for _, step in sorted(edges):
            down += step
            most = max(most, down)
        return len(self._clients) - most


def _outages(samples: list[tuple[float, float, bool]]) -> Iterator[tuple[float, int]]:
    was_down = False
    for began, finished, good in samples:
        if good == was_down:
            yield (finished, -1) if good else (began, 1)
            was_down = not good


@pytest.mark.parametrize("exit_after", [0, 1.5])
def test_a_crashing_release_takes_one_task_of_three(serving: SwarmApp, exit_after: float) -> None:
    """At every moment two serve: the engine goes no further before the first new one was judged."""
    serving.push("bad", exit_after=exit_after, exit_code=3)

    with Least(serving) as least:
        done = ended(serving.deploykit("run", "--tag", "bad"), 1)
        assert until(lambda: serving.versions() == ["old"] * REPLICAS, within=20)

    assert "Task exited with code 3" in done.stdout
    assert "on node node" in done.stdout
    assert least.number() >= REPLICAS - 1


def test_a_crashing_release_beside_what_serves_takes_none(cluster: Cluster, tmp_path: Path) -> None:
    """With start-first all three old tasks go on; the container's health tells."""
    app = make_app(cluster, tmp_path, replicas=REPLICAS)
    try:
        app.push("old", healthcheck=True)
        app.push("bad", exit_after=0, exit_code=3, healthcheck=True)
        app.create_by_hand("old", published=False)
        app.write_config(backend={"order": "start-first"}, probes=[{"type": "container"}])
        least = Running(app)
        with least:
            done = ended(app.deploykit("run", "--tag", "bad"), 1)
        assert "Task exited with code 3" in done.stdout
        assert least.number == REPLICAS
    finally:
        app.remove()


def test_a_good_release_goes_live_on_all_nodes(serving: SwarmApp) -> None:
    """And one that answers 500 gets no further than the first; a second deploy of the same is unchanged."""
    serving.push("new")
    serving.push("bad", status=500)
    serving.write_config(health={"attempts": 6, "interval": 0.5, "stable_for": 0})

    with Least(serving) as least:
        ended(serving.deploykit("run", "--tag", "new"), 0)
        assert serving.versions() == ["new"] * REPLICAS
        assert "unchanged" in ended(serving.deploykit("run", "--tag", "new", "--json"), 0).stdout
        ended(serving.deploykit("run", "--tag", "bad"), 1)
        assert until(lambda: serving.versions() == ["new"] * REPLICAS, within=20)

    assert least.number() >= REPLICAS - 1
    bad = [task for task in serving.tasks() if ":bad@" in task["Spec"]["ContainerSpec"]["Image"]]
    assert len(bad) == 1
    assert {one["node"] for one in status(serving)["instances"]} == {"node1", "node2", "node3"}


def test_a_node_that_cannot_pull(serving: SwarmApp) -> None:
    """Once is nothing; again and again, what served comes back, and the node is named."""
    node, registry = serving.cluster.nodes[1], serving.cluster.registry.address.partition(":")[0]
    serving.push("new")
    node.cut_off(registry)
    try:
        done = ended(serving.deploykit("run", "--tag", "new"), 1)
        assert "node node2 rejected it: " in done.stdout
        assert until(lambda: serving.versions() == ["old"] * REPLICAS, within=20)
        deploy = serving.start_deploykit("run", "--tag", "new")
        assert until(lambda: "rejected" in {one["Status"]["State"] for one in serving.tasks()[-2:]}, within=60)
    finally:
        node.reconnect(registry)
    out, err = deploy.communicate(timeout=90)
    assert deploy.returncode == 0, out + err
    assert serving.versions() == ["new"] * REPLICAS


def test_a_node_is_lost_in_the_middle(serving: SwarmApp) -> None:
    """What is left serves one release, and the node is named. It does not come back: this is the last test."""
    serving.push("new")
    began = time.monotonic()
    deploy = serving.start_deploykit("run", "--tag", "new")
    assert until(lambda: "new" in serving.versions(), within=30)

    serving.cluster.nodes[2].lose()

    out, err = deploy.communicate(timeout=120)
    assert deploy.returncode in {0, 1}, out + err
    assert time.monotonic() - began < 90
    assert "node node3 is down" in out
    version = "new" if deploy.returncode == 0 else "old"
    assert serving.versions() == [version, version, None]


class Running:
    """The smallest number of tasks of the release that served which ran at any look of a `with` block."""

    def __init__(self, app: SwarmApp) -> None:
        self._app = app
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.number = REPLICAS

    def __enter__(self) -> Self:
        assert until(lambda: self._now() == REPLICAS, within=30), self._app.tasks()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(0.1):
            self.number = min(self.number, self._now())

    def _now(self) -> int:
        running = [one for one in self._app.tasks() if one["Status"]["State"] == "running"]
        return len([one for one in running if ":old@" in one["Spec"]["ContainerSpec"]["Image"]])
