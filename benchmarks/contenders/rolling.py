"""Behind HAProxy: one that replaces an app there, beside what serves or in its place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from benchmarks.contenders.base import OnCompose, ended
from benchmarks.contenders.compose import ComposeUp
from benchmarks.contenders.deploykit import Deploykit
from benchmarks.contenders.script import Script
from tests.engine.support.rolling import DRAIN, RollingApp

if TYPE_CHECKING:
    from benchmarks.contenders.contract import Ended

ROLLOUT = Path(__file__).parent.parent / "rollout.sh"


@dataclass
class Behind(OnCompose):
    """One whose app is behind HAProxy. `kind` is the backend that the app is for."""

    app: RollingApp
    kind: ClassVar[str] = "compose"

    def first(self, tag: str) -> Ended:
        return self.deploy(tag)

    def deploy(self, tag: str) -> Ended:
        raise NotImplementedError

    def back(self, tag: str) -> Ended:
        return self.deploy(tag)

    def let_in(self, tag: str) -> None:
        """Start the proxy, when the app's own files do not, and wait until it leads to the app."""
        self.app.start_proxy()
        self.must_serve(tag)

    def must_serve(self, tag: str) -> None:
        """Wait, for a bounded time, until this tag serves, and the proxy sees all of it."""
        assert self.app.serves(tag, within=20), f"{self.name}: {self.version()} serves, not {tag}"
        self.app.settle()


class RollingDeploykit(Deploykit, Behind):
    """The `compose` backend, rolling."""

    name: ClassVar[str] = "deploykit"


class RollingDocker(RollingDeploykit):
    """The `docker` backend, rolling."""

    name: ClassVar[str] = "deploykit, docker"
    kind: ClassVar[str] = "docker"


class Rollout(Behind):
    """`rollout.sh`: rolling by a script."""

    name: ClassVar[str] = "rollout.sh"

    def deploy(self, tag: str) -> Ended:
        return ended(self.run([str(ROLLOUT)], tag, DRAIN=f"{DRAIN:g}", TIMEOUT=f"{self.budget.seconds:g}"))


class ScriptBehind(Script, Behind):
    """`deploy.sh`, in place."""


class ComposeUpBehind(ComposeUp, Behind):
    """`docker compose up`, in place."""


ROLLING: tuple[type[Behind], ...] = (RollingDeploykit, RollingDocker, Rollout, ScriptBehind, ComposeUpBehind)
