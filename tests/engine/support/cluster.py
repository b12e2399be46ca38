"""A Swarm of one node or several, each an engine in a network namespace of its own, joined by a bridge in another.

No engine that others use is touched, and no packet leaves the machine: the bridge has one more end here, by which the
tests reach the nodes, and the nodes the registry.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts import tools
from scripts.commands import run, until
from scripts.leftovers import kill_with_children, naming, remove, unmount
from scripts.memory import folder_of_engine
from scripts.registry import OwnRegistry
from tests.engine.support import names
from tests.engine.support.docker import docker
from tests.engine.support.images import SOURCE

UP = 60
REGISTRY_PORT = 5000


@dataclass
class Node:
    """One engine; `address` is its own in the cluster's network."""

    name: str
    address: str
    folder: Path
    registry: str
    gateway: str
    process: subprocess.Popen[bytes] | None = None

    @property
    def hostname(self) -> str:
        """What the swarm calls it."""
        return self.folder.name

    @property
    def host(self) -> str:
        return f"unix://{self.folder}/docker.sock"

    def docker(self, *argv: str, timeout: float = 60) -> str:
        return docker("--host", self.host, *argv, timeout=timeout)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        places = {"data-root": "data", "exec-root": "exec", "pidfile": "pid"}
        (self.folder / "pid").unlink(missing_ok=True)
        words = [
            "nsenter",
            f"--net=/run/netns/{self.name}",
            f"--uts={self.folder}/uts",
            tools.find("dockerd") or "dockerd",
            f"--host={self.host}",
            *(f"--{key}={self.folder}/{to}" for key, to in places.items()),
            f"--insecure-registry={self.registry}",
            "--shutdown-timeout=3",
        ]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        assert until(self.answers, within=UP, every=0.1), (self.folder / "log").read_text(errors="replace")[-2000:]

    def answers(self) -> bool:
        done = subprocess.run(["docker", "--host", self.host, "version"], capture_output=True, timeout=20, check=False)
        return done.returncode == 0

    def lose(self) -> None:
        """What a node that loses its power does: engine and containers are gone at once, and nobody is told."""
        assert self.process
        run(["ip", "-n", self.name, "link", "set", "eth0", "down"])
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._end_containerd()
        self._end_containers()
        # Networks of containers that nobody has ended would answer on the bridge for the addresses of the next ones.
        unmount(self.folder / "exec" / "netns")

    def find(self) -> None:
        """What a lost node does that has its power again."""
        run(["ip", "-n", self.name, "link", "set", "eth0", "up"])
        run(["ip", "-n", self.name, "route", "replace", "default", "via", self.gateway])
        self.start()

    def cut_off(self, address: str) -> None:
        """Let it reach an address no more."""
        run(["ip", "-n", self.name, "route", "add", "prohibit", address])

    def reconnect(self, address: str) -> None:
        """Let it reach that address again."""
        run(["ip", "-n", self.name, "route", "del", "prohibit", address])

    def restart(self) -> None:
        """Stop the engine as an upgrade does, its containers too, and start it again."""
        assert self.process
        self.process.terminate()
        self.process.wait(30)
        self._end_containerd()
        self.start()

    def _end_containerd(self) -> None:
        path = self.folder / "exec" / "containerd" / "containerd.pid"
        if path.exists():
            number = path.read_text().strip()
            assert until(lambda: not Path("/proc", number).exists(), within=20), "containerd does not end"
            path.unlink(missing_ok=True)

    def _end_containers(self) -> None:
        """End the processes that stand over containers, known by the folder of this node, and what is in these."""
        for process in naming(f"{self.folder}/exec/"):
            kill_with_children(process)

    def remove(self) -> None:
        """End it, and what it runs, and remove what it kept."""
        with suppress(Exception):
            if ids := self.docker("ps", "-aq", timeout=20).split():
                self.docker("rm", "-f", *ids)
        if self.process:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
            self.process.kill()
            self.process.wait()
        with suppress(Exception):
            self._end_containerd()
        self._end_containers()
        subprocess.run(["umount", str(self.folder / "uts")], check=False, capture_output=True)
        remove(self.folder)
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)


@dataclass
class Cluster:
    """Nodes, the first of them the manager, and the registry that they pull from. `remove` leaves nothing."""

    size: int
    folder: Path = field(default_factory=lambda: folder_of_engine("deploykit-swarm-"))
    mark: str = field(default_factory=lambda: f"{names.RUN}{secrets.token_hex(1)}")
    nodes: list[Node] = field(default_factory=list)
    registry: OwnRegistry = field(init=False)
    net: str = field(default="", init=False)
    """How all its addresses begin."""
    _joined: list[str] = field(default_factory=list, init=False)

    @property
    def host(self) -> str:
        """The address that all nodes reach this end by."""
        return f"{self.net}.254"

    @property
    def manager(self) -> Node:
        return self.nodes[0]

    def start(self) -> None:
        """Join all nodes to a swarm, and put the base image of the tests' images into the registry."""
        program = tools.registry()
        net = self.net = self._network()
        self.registry = OwnRegistry(f"{net}.253:{REGISTRY_PORT}", self.folder / "registry", program)
        self.registry.start()
        for number in range(1, self.size + 1):
            self.nodes.append(self._node(net, number))
        with ThreadPoolExecutor(self.size) as pool:
            list(pool.map(Node.start, self.nodes))
        self.manager.docker("swarm", "init", "--advertise-addr", self.manager.address)
        self.manager.docker("swarm", "update", "--dispatcher-heartbeat", "1s")  # a lost node is told after 3 s
        token = self.manager.docker("swarm", "join-token", "-q", "worker")
        for node in self.nodes[1:]:
            join = ("swarm", "join", "--token", token, "--advertise-addr", node.address)
            node.docker(*join, f"{self.manager.address}:2377")
        self.publish_base()

    def publish_base(self) -> None:
        """Build the web app that all behaviours derive from on a node: the registry is all that tests need of it."""
        name = f"{self.registry.address}/base:{names.OWNER}"
        with tempfile.TemporaryDirectory(prefix="deploykit-image-") as folder:
            context = shutil.copytree(SOURCE, Path(folder, "web"))
            shutil.copy2(tools.busybox(), context / "busybox")
            args = [f"--build-arg=RUN={names.RUN}", f"--build-arg=OWNER={names.OWNER}", str(context)]
            run(
                ["docker", "--host", self.manager.host, "build", "-q", "-t", name, *args],
                env=os.environ | {"DOCKER_BUILDKIT": "0"},
            )
        self.manager.docker("push", "-q", name)

    def inspect(self, kind: str, *names_: str) -> list[dict[str, Any]]:
        """Look at services, tasks or nodes by the manager."""
        if not names_:
            return []
        found: list[dict[str, Any]] = json.loads(self.manager.docker("inspect", f"--type={kind}", *names_))
        return found

    def is_whole(self) -> bool:
        """Whether all nodes are up, as the manager sees it."""
        said = self.manager.docker("node", "ls", "--format", "{{.Status}}").split()
        return said == ["Ready"] * self.size

    def remove(self) -> None:
        """End the nodes and the registry, and take the network down."""
        with ThreadPoolExecutor(self.size) as pool:
            list(pool.map(Node.remove, self.nodes))
        with suppress(AttributeError):
            self.registry.stop()
        subprocess.run(["ip", "link", "del", self._end], check=False, capture_output=True)
        subprocess.run(["ip", "netns", "del", self._hub], check=False, capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _hub(self) -> str:
        return f"{self.mark}hub"

    @property
    def _end(self) -> str:
        """The end of the network that is here."""
        return self.mark

    def _network(self) -> str:
        """Make the bridge, and lead from here to it; return how all its addresses begin."""
        net = _free_network()
        run(["ip", "netns", "add", self._hub])
        run(["ip", "-n", self._hub, "link", "add", "br0", "type", "bridge"])
        run(["ip", "-n", self._hub, "link", "set", "br0", "up"])
        run(["ip", "link", "add", self._end, "type", "veth", "peer", "name", "host", "netns", self._hub])
        run(["ip", "-n", self._hub, "link", "set", "host", "master", "br0", "up"])
        for own in (
            "254",
            "253",
        ):  # whoever asks the nodes, and the registry: a node may lose the one and not the other
            run(["ip", "addr", "add", f"{net}.{own}/24", "dev", self._end])
        run(["ip", "link", "set", self._end, "up"])
        return net

    def _node(self, net: str, number: int) -> Node:
        name, address = f"{self.mark}n{number}", f"{net}.{number}"
        folder = self.folder / f"node{number}"
        folder.mkdir()
        self._connect(name, address)
        run(["ip", "-n", name, "route", "add", "default", "via", f"{net}.254"])
        _name_of_its_own(folder / "uts", f"node{number}")
        return Node(name, address, folder, self.registry.address, f"{net}.254")

    def join(self, name: str, uts: Path) -> list[str]:
        """Put a machine that is no node into the network; return how a command begins that runs there."""
        self._joined.append(name)
        self._connect(self._of(name), f"{self.net}.{100 + len(self._joined)}")
        _name_of_its_own(uts, name)
        return ["nsenter", f"--net=/run/netns/{self._of(name)}", f"--uts={uts}"]

    def leave(self, name: str, uts: Path) -> None:
        """Take such a machine away."""
        subprocess.run(["umount", str(uts)], check=False, capture_output=True)
        subprocess.run(["ip", "netns", "del", self._of(name)], check=False, capture_output=True)

    def _of(self, name: str) -> str:
        return f"{self.mark}{name}"

    def _connect(self, name: str, address: str) -> None:
        """Make a network namespace with an address, and join it to the bridge."""
        run(["ip", "netns", "add", name])
        run(["ip", "link", "add", "eth0", "netns", name, "type", "veth", "peer", "name", name, "netns", self._hub])
        run(["ip", "-n", self._hub, "link", "set", name, "master", "br0", "up"])
        run(["ip", "-n", name, "link", "set", "lo", "up"])
        run(["ip", "-n", name, "addr", "add", f"{address}/24", "dev", "eth0"])
        run(["ip", "-n", name, "link", "set", "eth0", "up"])


def _free_network() -> str:
    """Return how the addresses of a network begin that nothing here knows of."""
    known = run(["ip", "-o", "addr"]) + run(["ip", "route"])
    for _ in range(50):
        net = f"10.77.{secrets.randbelow(250) + 1}"
        if f"{net}." not in known:
            return net
    raise RuntimeError("no free network")


def _name_of_its_own(place: Path, name: str) -> None:
    """Keep a UTS namespace in which the machine has this name: a node is called as its machine is."""
    place.touch()
    run(["unshare", f"--uts={place}", "hostname", name])
