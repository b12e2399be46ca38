"""Apps on a swarm of the tests' own."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from scripts.commands import CommandFailed, run, until
from scripts.packages import NotInstallable
from tests.engine.support import client, names
from tests.engine.support.client import Answer, Client, Clients
from tests.engine.support.cluster import Cluster, Node
from tests.engine.support.images import Images
from tests.engine.support.project import App, clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.engine.support.docker import Container

REPLICAS = 3
ON_THREE_NODES = pytest.mark.xdist_group("swarm of three")
_ports = itertools.count(8100)


@dataclass(frozen=True)
class Tasks:
    """The tasks that serve, as if they were one container."""

    id: str
    image_id: str


@dataclass
class SwarmApp(App):
    """A service on a swarm; each task has the port of its own node."""

    kind: ClassVar[str] = "swarm"
    service: ClassVar[str] = "web"
    outage: ClassVar[float] = 0

    cluster: Cluster = field(kw_only=True)
    replicas: int = field(default=1, kw_only=True)
    _made_with: dict[str, Any] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        return f"{self.name}_web"

    def get(self, path: str, timeout: float = 5) -> Answer:
        return client.get(self.port, path, timeout, self.cluster.manager.address)

    def client(self, path: str = "/version") -> Client:
        """One that asks each node's own task: two of three must serve, whatever comes."""
        addresses = [node.address for node in self.cluster.nodes]
        return Clients(self.port, path, hosts=addresses, least=max(self.replicas - 1, 1))

    def version(self) -> str | None:
        """What all of them answer."""
        found = set(self.versions())
        return found.pop() if len(found) == 1 else None

    def versions(self) -> list[str | None]:
        """What each node's task answers."""
        return [self.version_on(node) for node in self.cluster.nodes]

    def version_on(self, node: Node) -> str | None:
        with suppress(OSError):
            return client.get(self.port, "/version", 0.5, node.address).body
        return None

    def docker(self, *argv: str) -> str:
        return self.cluster.manager.docker(*argv)

    def tasks(self) -> list[dict[str, Any]]:
        """All tasks that the swarm remembers, oldest first."""
        ids = self.docker("service", "ps", "-q", "--no-trunc", self.full_name).split()
        try:
            return sorted(self.cluster.inspect("task", *ids), key=lambda one: str(one["CreatedAt"]))
        except CommandFailed:  # one was forgotten meanwhile
            return self.tasks()

    def said(self) -> dict[str, Any]:
        """The service, as the swarm has it."""
        spec: dict[str, Any] = self.cluster.inspect("service", self.full_name)[0]["Spec"]
        return spec

    def is_made_with(self, **keys: Any) -> None:
        port = {"target": 8000, "published": self.port, "mode": "host", "protocol": "tcp"}
        service = {
            "image": "${WEB_IMAGE}:${WEB_IMAGE_TAG}",
            "ports": [port],
            "networks": ["bridge"],  # for one of several nodes the engine waits 2 s before it ends a task
            "deploy": {"replicas": self.replicas, "endpoint_mode": "dnsrr", **self._deploy(keys)},
            **keys,
        }
        networks = {one: {"external": True, "name": one} for one in service.get("networks", [])}
        document = {"version": "3.8", "services": {"web": service}, "networks": networks}
        self.compose_file.write_text(json.dumps(document, indent=1))

    def _deploy(self, keys: dict[str, Any]) -> dict[str, Any]:
        deploy: dict[str, Any] = {"restart_policy": {"delay": "1s"}, **keys.pop("deploy", {})}
        if limit := keys.pop("mem_limit", None):
            deploy["resources"] = {"limits": {"memory": limit}}
        return deploy

    @property
    def compose_file(self) -> Path:
        return self.folder / "docker-compose.prod.yml"

    def up_by_hand(self, tag: str) -> None:
        told = {"WEB_IMAGE": self.images.repository, "WEB_IMAGE_TAG": tag, "DOCKER_HOST": self.cluster.manager.host}
        run(["docker", "stack", "deploy", "--compose-file", str(self.compose_file), self.name], env=clean(told))

    def create_by_hand(self, tag: str, *options: str, published: bool = True) -> None:
        """Make the service without a stack, and have the config name it."""
        how = ("--detach", "--replicas", str(self.replicas), "--endpoint-mode", "dnsrr", "--restart-delay", "1s")
        ports = (f"--publish=mode=host,target=8000,published={self.port}",) if published else ()
        image = f"{self.images.repository}:{tag}"
        self.docker("service", "create", *how, *ports, "--name", self.full_name, *options, image)
        self.write_config(backend={"service": self.full_name, "stack": None, "file": None, "services": None})

    def containers(self) -> list[Container]:
        raise NotImplementedError("tasks are on several nodes")

    def container(self) -> Tasks:
        """All tasks; there must be as many as there are to be, of one image, and no others may run."""
        assert until(lambda: len(self.running()) == self.replicas, within=20), self.tasks()
        (image,) = {str(one["Spec"]["ContainerSpec"]["Image"]) for one in self.running()}
        return Tasks(" ".join(one["ID"] for one in self.running()), self.docker("inspect", "-f", "{{.Id}}", image))

    def running(self) -> list[dict[str, Any]]:
        return [one for one in self.tasks() if one["Status"]["State"] == "running"]

    def shown_image(self) -> str:
        return self.docker("service", "ls", "--filter", f"name={self.full_name}", "--format", "{{.Image}}")

    def pinned(self) -> str:
        """The image as the service has it."""
        return str(self.said()["TaskTemplate"]["ContainerSpec"]["Image"])

    def death(self, code: int, after: str) -> str:
        """Like that of the others, but that only the node knows when it was started."""
        return f"[deploy] ERROR: Task exited with code {code}"

    def remove(self) -> None:
        self.end()
        with suppress(CommandFailed):
            self.docker("service", "rm", self.full_name)
        with suppress(CommandFailed):
            self.docker("stack", "rm", self.name)
        # What still ends has its port, which the next test's app may need.
        until(lambda: not any(map(self._left_on, self.cluster.nodes)), within=30)

    def _left_on(self, node: Node) -> str:
        """The containers of the service that a node still runs."""
        with suppress(CommandFailed):
            return node.docker("ps", "-q", "--filter", f"label=com.docker.swarm.service.name={self.full_name}")
        return ""

    def keep(self, place: Path) -> None:
        """Copy its folder, state and all."""
        shutil.copytree(self.folder, place)

    def put_back(self, place: Path) -> None:
        """Have the folder as it was kept."""
        self._made_with = {}
        shutil.rmtree(self.folder)
        shutil.copytree(place, self.folder)

    @property
    def environment(self) -> dict[str, str]:
        return {"DOCKER_HOST": self.cluster.manager.host}

    def write_config(self, *, probes: list[dict[str, object]] | None = None, **changes: Mapping[str, object]) -> None:
        backend = {**self._made_with, **changes.pop("backend", {})}
        self._made_with = backend
        super().write_config(probes=probes, backend=backend, **changes)

    def _backend(self) -> dict[str, Any]:
        return {
            "type": "swarm",
            "stack": self.name,
            "file": self.compose_file.name,
            "services": ["web"],
        }

    def _probe(self) -> dict[str, Any]:
        url = f"http://{{host}}:{self.port}/api/health/"
        return {**super()._probe(), "url": url}


def why_no_cluster() -> str:
    """Return why no swarm can be made here, or nothing."""
    if os.geteuid() != 0:
        return "only root can make a swarm in network namespaces"
    missing = [program for program in ("dockerd", "ip", "nsenter", "unshare") if not shutil.which(program)]
    return f"{', '.join(missing)} is missing" if missing else ""


def make_cluster(size: int) -> Iterator[Cluster]:
    """Make a swarm for the tests of a module, and take it away again."""
    if reason := why_no_cluster():
        pytest.skip(f"no engine: {reason}")
    with ExitStack() as stack:
        cluster = Cluster(size)
        stack.callback(cluster.remove)
        try:
            cluster.start()
        except NotInstallable as error:
            pytest.skip(f"no engine: {error}")
        yield cluster


def make_app(cluster: Cluster, folder: Path, replicas: int) -> SwarmApp:
    """Make an app of a test's own on a cluster: files written, nothing started."""
    name = names.scope()
    images = Images(cluster.registry, base="")
    return SwarmApp(folder / name, images, name, port=next(_ports), cluster=cluster, replicas=replicas)
