"""The compose backend keeps the promises of the contract, on a real engine."""

from typing import Literal

import pytest

from deploykit.backends.compose import ComposeBackend
from deploykit.backends.engine.settings import Rollout
from deploykit.protocols import Backend, ReleaseFiles
from deploykit.store import ReleaseFolders
from deploykit.testing.contract import BackendContract, ContractStage, RehearsalContract, RollingContract
from tests.contract.stage import OfImages
from tests.engine.support.project import ComposeApp

NO_PORT = "ports: []"


class ComposeStage(OfImages):
    """A Compose project of its own, and images in a real registry."""

    last_words = "ImportError: courts"

    def __init__(self, app: ComposeApp, strategy: Literal["recreate", "rolling"] = "recreate") -> None:
        self._app = app
        state = app.folder / ".deploykit"
        self.files: ReleaseFiles = ReleaseFolders.of(state)
        self.backend: Backend = ComposeBackend(
            name=app.name,
            files=[app.compose_file],
            services=["web"],
            state=state,
            image_env="WEB_IMAGE",
            tag_env="WEB_IMAGE_TAG",
            pull_timeout=30,
            rollout=Rollout(strategy=strategy),
        )


@pytest.mark.engine
class TestCompose(BackendContract):
    @pytest.fixture
    def stage(self, compose_app: ComposeApp) -> ContractStage:
        return ComposeStage(compose_app)


@pytest.mark.engine
class TestComposeRehearses(RehearsalContract):
    @pytest.fixture
    def stage(self, compose_app: ComposeApp) -> ContractStage:
        return ComposeStage(compose_app)


@pytest.mark.engine
class TestComposeRolls(RollingContract):
    @pytest.fixture
    def stage(self, compose_app: ComposeApp) -> ContractStage:
        compose_app.write_compose(web=NO_PORT)
        return ComposeStage(compose_app, "rolling")
