"""One app on a swarm for many scenarios, each of which finds it as the first deploy of `old` has left it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.engine.support.swarm import REPLICAS, SwarmApp, make_app
from tests.engine.support.told import ended

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.support.cluster import Cluster


@dataclass
class Stand:
    """Deploys `old` anew only where a scenario has left something else: what was restored is as it was."""

    cluster: Cluster
    folder: Path
    _app: SwarmApp | None = None

    @property
    def _kept(self) -> Path:
        return self.folder / "kept"

    def app(self) -> SwarmApp:
        """Return the app, serving `old` as its release r1, and its folder as it was then."""
        if self._app:
            self._app.end()
        if self._app is None or not _is_at_its_beginning(self._app):
            self.remove()
            self._app = self._made()
        self._app.put_back(self._kept)
        return self._app

    def _made(self) -> SwarmApp:
        app = make_app(self.cluster, self.folder, REPLICAS)
        app.push("old")
        ended(app.deploykit("run", "--tag", "old"), 0)
        shutil.rmtree(self._kept, ignore_errors=True)
        app.keep(self._kept)
        return app

    def remove(self) -> None:
        """Leave nothing of it."""
        if self._app:
            self._app.remove()
        self._app = None


def _is_at_its_beginning(app: SwarmApp) -> bool:
    spec = app.said()
    marks = spec["TaskTemplate"]["ContainerSpec"]["Labels"]
    first = marks["org.deploykit.release"] == "r1" and "org.deploykit.held" not in spec["Labels"]
    return first and app.versions() == ["old"] * REPLICAS
