"""The docker backend keeps the promises of the contract, on a real engine."""

from typing import Literal

import pytest

from deploykit.backends.docker import DockerBackend
from deploykit.backends.engine.settings import Rollout
from deploykit.protocols import Backend, ReleaseFiles
from deploykit.store import ReleaseFolders
from deploykit.testing.contract import BackendContract, ContractStage, RehearsalContract, RollingContract
from tests.contract.stage import OfImages
from tests.engine.support.project import DockerApp


class DockerStage(OfImages):
    """An app of its own on plain Docker, and images in a real registry."""

    last_words = "ImportError: courts"

    def __init__(self, app: DockerApp, strategy: Literal["recreate", "rolling"] = "recreate") -> None:
        self._app = app
        state = app.folder / ".deploykit"
        self.files: ReleaseFiles = ReleaseFolders.of(state)
        self.backend: Backend = DockerBackend(
            name=app.name,
            state=state,
            pull_timeout=30,
            rollout=Rollout(strategy=strategy),
        )


@pytest.mark.engine
class TestDocker(BackendContract):
    @pytest.fixture
    def stage(self, docker_app: DockerApp) -> ContractStage:
        return DockerStage(docker_app)


@pytest.mark.engine
class TestDockerRehearses(RehearsalContract):
    @pytest.fixture
    def stage(self, docker_app: DockerApp) -> ContractStage:
        return DockerStage(docker_app)


@pytest.mark.engine
class TestDockerRolls(RollingContract):
    @pytest.fixture
    def stage(self, docker_app: DockerApp) -> ContractStage:
        return DockerStage(docker_app, "rolling")
