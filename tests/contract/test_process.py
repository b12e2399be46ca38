"""The process backend keeps the promises of the contract, with real processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploykit.protocols import Backend, ReleaseFiles
from deploykit.release import ImageRef
from deploykit.testing.contract import BackendContract, ContractStage
from tests.unit.backends.test_process_stage import SERVE, Stage, staged


class ProcessStage:
    """Folders of releases, run as processes."""

    last_words = "going down"

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.backend: Backend = stage.backend()
        self.files: ReleaseFiles = stage.files

    @property
    def missing(self) -> ImageRef:
        return ImageRef("example/app", "nosuch")

    def publish(self, tag: str, exit_code: int | None = None) -> ImageRef:
        dies = f"echo {self.last_words}\nexit {exit_code}\n"
        self._stage.folder(tag, f"# {tag}\n{SERVE if exit_code is None else dies}")
        return ImageRef("example/app", tag)


class TestProcess(BackendContract):
    @pytest.fixture
    def stage(self, tmp_path: Path) -> Iterator[ContractStage]:
        with staged(tmp_path) as stage:
            yield ProcessStage(stage)
