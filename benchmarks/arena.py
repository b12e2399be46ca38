"""Where contenders meet: one registry, the same images, an app for each, and nothing left at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.contenders import CONTENDERS, Budget
from scripts.sweep import sweep_images
from tests.engine.support import names
from tests.engine.support.docker import docker
from tests.engine.support.images import Images
from tests.engine.support.project import ComposeApp
from tests.engine.support.proxy import build_proxy
from tests.engine.support.rolling import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import ExitStack
    from pathlib import Path

    from benchmarks.contenders import Contender
    from scripts.registry import Registry
    from tests.engine.support.rolling import RollingApp

MARGIN = 5
"""Seconds that the container's own health check is patient for, beyond what the app needs to start."""
HEALTHCHECK = """\
healthcheck:
  test: ["CMD", "/bin/busybox", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8000/api/health/"]
  interval: 1s
  timeout: 2s
  retries: 2
  start_period: {start_period}s
"""


@dataclass
class Arena:
    """What cases get: `stack` is closed when the case ends. `quick`: shorter waits, for trying."""

    folder: Path
    registry: Registry
    base: str
    stack: ExitStack
    quick: bool = False

    def images(self) -> Images:
        """Return a repository of the case's own; the engine forgets its images when the case ends."""
        images = Images(self.registry, self.base)
        self.stack.callback(sweep_images, "scope", images.scope)
        return images

    def neighbour(self, contender: Contender) -> None:
        """Let something else run in a contender's network, as a database does.

        A bridge that loses its last container forgets who asked: the first answer through it then waits for up to a
        second, which is the empty network's gap and not the contender's.
        """
        (container,) = docker("ps", "-q", "--filter", f"publish={contender.port}").split()
        network = docker("inspect", "-f", "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}", container)
        name = names.scope()
        docker("run", "-d", "--name", name, "--network", network, self.base)
        self.stack.callback(docker, "rm", "-f", "-v", name)

    def app(self, images: Images, starts_in: float = 0) -> ComposeApp:
        """Return a Compose app of which nothing runs yet, that needs so many seconds to start."""
        name = names.scope()
        app = ComposeApp(self.folder / name, images, name)
        start_period = round(starts_in) + MARGIN if starts_in else 0
        app.write_compose(HEALTHCHECK.format(start_period=start_period))
        return app

    def behind_proxy(self, images: Images, kind: str) -> RollingApp:
        """Return an app of one instance behind HAProxy, of which nothing runs yet."""
        name = names.scope()
        app = KINDS[kind](self.folder / name, images, name, proxy=build_proxy(), replicas=1)
        app.write_compose(HEALTHCHECK.format(start_period=0))
        return app

    def contenders(
        self,
        images: Images,
        budget: Budget = Budget(),  # noqa: B008 - frozen
        *,
        among: Sequence[Callable[[ComposeApp, Budget], Contender]] = CONTENDERS,
        starts_in: float = 0,
    ) -> list[Contender]:
        """Return all contenders, each with an app of its own."""
        return [self.lend(make(self.app(images, starts_in), budget)) for make in among]

    def lend(self, contender: Contender) -> Contender:
        """Return a contender that is cleaned up when the case ends."""
        self.stack.callback(contender.clean)
        return contender
