"""What a swarm says of its services, tasks and nodes, and a backend on a docker that says it."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from deploykit.backends.swarm import ServiceBackend, SwarmSettings
from deploykit.backends.swarm.service import marks
from deploykit.backends.swarm.tasks import Node, Task
from deploykit.release import Release
from tests.unit import made
from tests.unit.backends.docker import Docker, image

OLD, NEW = made.release("old", 1), made.release("new", 2)
FOUND = replace(made.release("found", 3), id="r3a")
NODES = {
    "n1": Node("node1", "10.0.0.1", down=False),
    "n2": Node("node2", "10.0.0.2", down=False),
    "n3": Node("node3", "10.0.0.3", down=True),
}
NO_NODE = "no suitable node (host-mode port already in use on 2 nodes; 1 node not available for new tasks)"
HELD = "org.deploykit.held"
_numbers = itertools.count(1)


def said_of_task(
    release: Release, state: str = "running", slot: int = 1, node: str = "n1", code: int | None = None, **status: Any
) -> dict[str, Any]:
    """A task as the engine tells of it, made after all others; it is to run when its state says so."""
    number = next(_numbers)
    early = {"new", "pending", "assigned", "accepted", "preparing", "ready", "starting", "running"}
    desired = status.pop("desired", "running" if state in early else "shutdown")
    container = {"ContainerStatus": {"ContainerID": f"c{number}", "PID": 0, "ExitCode": code or 0}} if node else {}
    return {
        "ID": f"t{number}",
        "ServiceID": "s1",
        "Slot": slot,
        "NodeID": node,
        "CreatedAt": f"2026-01-01T10:00:00.{number:06d}Z",
        "DesiredState": desired,
        "Spec": {"ContainerSpec": {"Image": release.image.pinned, "Labels": dict(marks(release))}},
        "Status": {"State": state, "Timestamp": "2026-01-01T10:00:05Z", "Err": status.get("error", ""), **container},
    }


def task(release: Release, state: str = "running", *, checked: bool = False, **fields: Any) -> Task:
    node = fields.get("node", "n1")
    return Task(said_of_task(release, state, **fields), checked, lost=node in NODES and NODES[node].down)


def said_of_service(release: Release, **spec: Any) -> dict[str, Any]:
    """A service with three replicas; `labels` and `update` are its own."""
    container = {"Image": release.image.pinned, "Labels": dict(marks(release)), **spec.pop("container", {})}
    return {
        "ID": "s1",
        "UpdateStatus": {"State": "updating", "Message": "update in progress"},
        "Spec": {
            "Name": "shop_web",
            "Labels": spec.pop("labels", {}),
            "TaskTemplate": {"ContainerSpec": container},
            "Mode": {"Replicated": {"Replicas": 3}},
            "UpdateConfig": {"Parallelism": 1, "FailureAction": "pause", **spec.pop("update", {})},
            "EndpointSpec": {"Ports": [{"PublishedPort": 8080, "PublishMode": "host"}]},
            **spec,
        },
    }


def said_of_node(name: str, number: int, state: str = "ready") -> dict[str, Any]:
    return {
        "ID": f"n{number}",
        "Description": {"Hostname": name},
        "Status": {"State": state, "Addr": f"10.0.0.{number}"},
    }


ACTIVE = {
    "LocalNodeState": "active",
    "ControlAvailable": True,
    "NodeID": "n1",
    "Cluster": {"ID": "CLUSTER", "Spec": {"Orchestration": {"TaskHistoryRetentionLimit": 5}}},
}
Tasks = Sequence[dict[str, Any]]


class Stage:
    """A service of a swarm, and the docker that is asked for it."""

    def __init__(self, docker: Docker, folder: Path, **settings: Any) -> None:
        self.docker = docker
        for path, kind in (("/services", "service"), ("/tasks", "task"), ("/nodes", "node")):
            docker.serves(path, f"inspect --type={kind}")
        docker.says("info", json.dumps(ACTIVE))
        docker.says("node ls", "n1\nn2\n")
        docker.says("inspect --type=node", [said_of_node("node1", 1), said_of_node("node2", 2)])
        docker.says("image inspect", [image()])
        docker.says("container inspect", "[]")
        docker.says("ps --all")
        docker.says("service update")
        state = folder / "state"
        keys: dict[str, Any] = {"services": ("shop_web",), **settings}
        self.backend = ServiceBackend(SwarmSettings(name="shop", state=state, **keys))

    def there(self, service: dict[str, Any], *looks: Tasks) -> None:
        """Let there be this service, and these tasks at one look after the other."""
        self.docker.says("inspect --type=service", [service])
        self.docker.says("service ps", *["\n".join(one["ID"] for one in tasks) for tasks in looks])
        self.docker.says("inspect --type=task", *[list(tasks) for tasks in looks])

    def updates(self) -> list[str]:
        return [call for call in self.docker.calls("update") if call.startswith("service update")]


def all_of(release: Release, state: str = "running") -> list[dict[str, Any]]:
    return [said_of_task(release, state, slot=slot) for slot in (1, 2, 3)]
