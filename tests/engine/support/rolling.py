"""An app behind HAProxy, whose instances are replaced one beside the other; for each backend that can do that."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scripts.commands import until
from tests.engine.support.docker import docker, labelled
from tests.engine.support.load import Load
from tests.engine.support.project import ComposeApp
from tests.engine.support.proxy import CONFIG, FOUND, PORT, proxy_config
from tests.engine.support.told import ended

if TYPE_CHECKING:
    from tests.engine.support.docker import Container

DRAIN = 2.0
PRE_STOP = ["/bin/busybox", "touch", "/draining"]
IMAGE = "org.deploykit.image"
APP = "org.deploykit.app"
PROXY = """\
proxy:
  image: {image}
  volumes: ["./haproxy.cfg:{config}:ro"]
  ports: ["127.0.0.1:{published}:{port}"]
  pull_policy: never
"""


@dataclass
class RollingApp(ComposeApp):
    """An app of some replicas; its port is the proxy's. Kinds of backend are what differs below."""

    proxy: str = ""
    replicas: int = 2
    rolling: dict[str, object] = field(default_factory=dict)

    def first(self, tag: str) -> None:
        """Deploy where nothing runs, with the proxy before it, and wait until that leads to it."""
        ended(self.deploykit("run", "--tag", tag), 0)
        self.start_proxy()
        assert self.serves(tag, within=20)
        self.settle()

    def settle(self) -> None:
        """Wait until the proxy leads to all replicas."""
        assert until(lambda: self.found() >= self.replicas, within=20), "the proxy does not see all replicas"

    def start_proxy(self) -> None:
        """Start the proxy in the app's network."""
        raise NotImplementedError

    def instances(self) -> list[Container]:
        """All containers of the app's own image, running or not, with one-offs and leftovers."""
        raise NotImplementedError

    def load(self, **how: Any) -> Load:
        """Fifty clients: half of them take a new connection for each request."""
        return Load(self.port, **how)

    def tags(self) -> list[str]:
        """The tags that run, one for each instance; a leftover shows as what it is."""
        return [one.labels[IMAGE].rpartition(":")[2] if one.running else one.state for one in self.instances()]

    def write_compose(self, web: str = "", rest: str = "", services: str = "") -> None:
        """Write the compose file: the proxy, and a service without ports."""
        (self.folder / "haproxy.cfg").write_text(proxy_config(self.alias))
        proxy = PROXY.format(image=self.proxy, config=CONFIG, published=self.port, port=PORT)
        keys = "" if "deploy:" in web or "scale:" in web else f"scale: {self.replicas}\n"
        ports = "" if "ports:" in web else "ports: []\n"
        super().write_compose(f"{ports}{keys}{web}", rest, f"{proxy}{services}")

    @property
    def alias(self) -> str:
        """The name by which the proxy finds the instances."""
        return "web"

    def found(self) -> int:
        """How many instances the proxy holds for up."""
        return int(self.get(FOUND).body)

    def _defaults(self) -> dict[str, dict[str, Any]]:
        tables = super()._defaults()
        tables["backend"] |= {"strategy": "rolling", "drain": DRAIN, "pre_stop": PRE_STOP, **self.rolling}
        return tables

    def _probe(self) -> dict[str, Any]:
        return {"type": "http", "port": 8000, "path": "/api/health/", "timeout": 2}


class OnCompose(RollingApp):
    """A service of a Compose project, whose instances Docker's DNS names as soon as they are there."""

    def start_proxy(self) -> None:
        self.compose("up", "-d", "--no-deps", "proxy")

    def instances(self) -> list[Container]:
        return [one for one in self.containers() if one.service == "web"]


class OnDocker(RollingApp):
    """Containers of deploykit's own making, which get their name in the network when they are healthy."""

    @property
    def alias(self) -> str:
        return self.name

    def start_proxy(self) -> None:
        name, network = f"--name={self.name}-proxy", f"--network={self.name}"
        published, mounted = f"127.0.0.1:{self.port}:{PORT}", f"{self.folder}/haproxy.cfg:{CONFIG}:ro"
        docker("run", "-d", name, network, "-p", published, "-v", mounted, self.proxy)

    def instances(self) -> list[Container]:
        return labelled(APP, self.name)

    def _defaults(self) -> dict[str, dict[str, Any]]:
        tables = super()._defaults()
        how = {"type": "docker", "replicas": self.replicas, "strategy": "rolling"}
        tables["backend"] = {**how, "drain": DRAIN, "pre_stop": PRE_STOP, **self.rolling}
        return tables


KINDS: dict[str, type[RollingApp]] = {"compose": OnCompose, "docker": OnDocker}
