"""The swarm backend keeps the promises of the contract, with three replicas on a real swarm of three nodes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploykit.backends.engine.client import Engine
from deploykit.backends.engine.wire import Wire
from deploykit.backends.swarm import Pace, StackBackend, StackFile, SwarmSettings
from deploykit.backends.swarm.configs import ConfigShelf
from deploykit.protocols import Backend, ReleaseFiles, Shelf
from deploykit.store import ReleaseFolders
from deploykit.testing.contract import BackendContract, ContractStage
from tests.contract.shelf import ShelfContract
from tests.contract.stage import OfImages
from tests.engine.support import names
from tests.engine.support.cluster import Cluster
from tests.engine.support.swarm import ON_THREE_NODES, REPLICAS, SwarmApp, make_app


class SwarmStage(OfImages):
    """A stack of its own."""

    last_words = "ImportError: courts"

    def __init__(self, app: SwarmApp) -> None:
        self._app = app
        state = app.folder / ".deploykit"
        self.files: ReleaseFiles = ReleaseFolders.of(state)
        services, host = ("web",), app.cluster.manager.host
        pace = Pace(parallelism=0)  # batches are tried elsewhere, and three take three times as long
        settings = SwarmSettings(name=app.name, services=services, state=state, pull_timeout=30, host=host, pace=pace)
        file = StackFile(app.compose_file, services, "WEB_IMAGE", "WEB_IMAGE_TAG")
        self.backend: Backend = StackBackend(settings, app.name, file)


@pytest.mark.engine
@ON_THREE_NODES
class TestSwarm(BackendContract):
    @pytest.fixture
    def stage(self, three_nodes: Cluster, tmp_path: Path) -> Iterator[ContractStage]:
        app = make_app(three_nodes, tmp_path, REPLICAS)
        app.is_made_with(ports=[])
        yield SwarmStage(app)
        app.remove()


@pytest.mark.engine
@ON_THREE_NODES
class TestConfigs(ShelfContract):
    """What the swarm keeps for deploykit."""

    @pytest.fixture(autouse=True)
    def _cluster(self, three_nodes: Cluster) -> None:
        self._engine = Engine(three_nodes.manager.host)
        self._named = f"deploykit.{names.scope()}"

    def open_shelf(self) -> Shelf:
        return ConfigShelf(self._named, Wire(self._engine))
