"""Where deploykit is measured: a service of so many tasks, on a swarm that is pretended or real, behind a meter."""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.scale.cost import Cost, cost
from benchmarks.scale.door import REPOSITORY, TAGS, opened, pinned
from benchmarks.scale.meter import Meter, metered
from benchmarks.scale.swarm import SERVICE, Swarm
from scripts.commands import until
from tests.engine.support.images import Images

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.engine.support.cluster import Cluster

CLI = str(Path(sys.executable).with_name("deploykit"))
OLD, NEW, BAD = TAGS
BATCHES = 10
CONFIG = """\
[app]
name = "scale"
image = "{image}"

[backend]
type = "swarm"
service = "{service}"
parallelism = {parallelism}
order = "start-first"
pull = "missing"

[[health.probe]]
type = "container"

[state]
store = "local"
"""
ELSEWHERE = {"DOCKER_API_VERSION": "1.41"}
"""With it deploykit leaves the socket alone, and reaches the engine by the docker command, as it does one elsewhere."""
COME_UP = 600
"""Seconds for the tasks of a real service to run."""


@dataclass(frozen=True)
class Stage:
    """An app whose service serves `OLD`."""

    folder: Path
    meter: Meter
    environment: Mapping[str, str]

    def run(self, *argv: str, code: int = 0) -> Cost:
        """Run deploykit, which must end with that exit code."""
        return cost([CLI, *argv], code, self.folder, self.environment, self.meter)


@contextmanager
def pretended(folder: Path, replicas: int, *, elsewhere: bool = False) -> Iterator[Stage]:
    """Pretend a service, each task of which is healthy a second after it was made."""
    folder.mkdir()
    with ExitStack() as stack:
        stack.enter_context(opened(folder / "engine.sock", Swarm(replicas, pinned(OLD), time.time)))
        yield _staged(stack, folder, REPOSITORY, replicas, folder / "engine.sock", ELSEWHERE if elsewhere else {})


@contextmanager
def real(folder: Path, cluster: Cluster, replicas: int, *, elsewhere: bool = False) -> Iterator[Stage]:
    """Make a service on a real swarm."""
    folder.mkdir()
    images, docker = Images(cluster.registry, base=""), cluster.manager.docker
    for tag in (OLD, NEW):
        images.push(tag, healthcheck=True)
    images.push(BAD, healthcheck=True, exit_after=0, exit_code=3)
    for tag in TAGS:
        docker("pull", "-q", f"{images.repository}:{tag}")
    how = ("--detach", "--replicas", str(replicas), "--endpoint-mode", "dnsrr", "--name", SERVICE)
    docker("service", "create", *how, f"{images.repository}:{OLD}")
    with ExitStack() as stack:
        stack.callback(_removed, cluster)
        if not until(lambda: f"{replicas}/{replicas}" in docker("service", "ls"), within=COME_UP, every=1):
            raise RuntimeError(docker("service", "ps", SERVICE))
        engine = cluster.manager.folder / "docker.sock"
        yield _staged(stack, folder, images.repository, replicas, engine, ELSEWHERE if elsewhere else {})


def _staged(stack: ExitStack, folder: Path, image: str, replicas: int, engine: Path, more: Mapping[str, str]) -> Stage:
    parallelism = max(replicas // BATCHES, 1)
    (folder / "deploykit.toml").write_text(CONFIG.format(image=image, service=SERVICE, parallelism=parallelism))
    meter = stack.enter_context(metered(folder / "meter.sock", engine))
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "DOCKER_HOST": f"unix://{folder}/meter.sock"}
    return Stage(folder, meter, {**environment, **more})


def _removed(cluster: Cluster) -> None:
    docker = cluster.manager.docker
    docker("service", "rm", SERVICE)
    until(lambda: not docker("ps", "-q"), within=COME_UP, every=1)
