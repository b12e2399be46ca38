"""On plain Docker, without Compose."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from benchmarks.contenders.base import OnCompose, ended
from benchmarks.contenders.deploykit import Deploykit

if TYPE_CHECKING:
    from benchmarks.contenders.contract import Ended

SCRIPT = Path(__file__).parent.parent / "redeploy.sh"
OF_COMPOSE = ("file", "services", "image_env", "tag_env")


class DeploykitDocker(Deploykit):
    """The `docker` backend, replacing in place."""

    name: ClassVar[str] = "deploykit"

    def __post_init__(self) -> None:
        backend = {"type": "docker", "ports": [f"127.0.0.1:{self.port}:8000"], **dict.fromkeys(OF_COMPOSE)}
        health = {"attempts": self.budget.attempts, "interval": self.budget.interval}
        self.app.write_config(backend=backend, health=health)

    @property
    def label(self) -> str:
        return f"org.deploykit.app={self.app.name}"


class ByHand(OnCompose):
    """`redeploy.sh`: `docker pull`, `stop`, `rm`, `run`."""

    name: ClassVar[str] = "by hand"
    restores: ClassVar[bool] = False

    def first(self, tag: str) -> Ended:
        return self.deploy(tag)

    def deploy(self, tag: str) -> Ended:
        return ended(self.run([str(SCRIPT)], tag, NAME=f"{self.app.name}-web", PORT=str(self.port)))

    def back(self, tag: str) -> Ended:
        return self.deploy(tag)
