"""The swarm backend keeps the promises of the contract, on a real swarm of one node."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploykit.backends.engine.client import Engine
from deploykit.backends.engine.wire import Wire
from deploykit.backends.swarm import StackBackend, StackFile, SwarmSettings
from deploykit.backends.swarm.configs import ConfigShelf
from deploykit.protocols import Backend, ReleaseFiles, Shelf
from deploykit.release import ImageRef
from deploykit.store import ReleaseFolders
from deploykit.testing.contract import BackendContract, ContractStage
from tests.contract.shelf import ShelfContract
from tests.engine.support import names
from tests.engine.support.cluster import Cluster
from tests.engine.support.swarm import SwarmApp, make_app, make_cluster


class SwarmStage:
    """A stack of its own."""

    last_words = "ImportError: courts"

    def __init__(self, app: SwarmApp) -> None:
        self._app = app
        state = app.folder / ".deploykit"
        self.files: ReleaseFiles = ReleaseFolders.of(state)
        services, host = ("web",), app.cluster.manager.host
        settings = SwarmSettings(name=app.name, services=services, state=state, pull_timeout=30, host=host)
        file = StackFile(app.compose_file, services, "WEB_IMAGE", "WEB_IMAGE_TAG")
        self.backend: Backend = StackBackend(settings, app.name, file)

    @property
    def missing(self) -> ImageRef:
        return ImageRef(self._app.images.repository, "nosuch")

    def publish(self, tag: str, exit_code: int | None = None) -> ImageRef:
        if exit_code is None:
            image = self._app.push(tag)
        else:
            image = self._app.push(tag, exit_after=0, exit_code=exit_code)
        return ImageRef(image.repository, tag)


pytestmark = pytest.mark.xdist_group("swarm contract")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    yield from make_cluster(1)


@pytest.mark.engine
class TestSwarm(BackendContract):
    @pytest.fixture
    def stage(self, cluster: Cluster, tmp_path: Path) -> Iterator[ContractStage]:
        app = make_app(cluster, tmp_path, replicas=1)
        app.is_made_with(ports=[], networks=["host"])  # one of its own takes seconds to be made for each task
        yield SwarmStage(app)
        app.remove()


@pytest.mark.engine
class TestConfigs(ShelfContract):
    """What the swarm keeps for deploykit."""

    @pytest.fixture(autouse=True)
    def _cluster(self, cluster: Cluster) -> None:
        self._engine = Engine(cluster.manager.host)
        self._named = f"deploykit.{names.scope()}"

    def open_shelf(self) -> Shelf:
        return ConfigShelf(self._named, Wire(self._engine))
