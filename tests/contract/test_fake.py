"""The fake keeps the promises that the real backends keep."""

from typing import Literal

import pytest

from deploykit.release import ImageRef
from deploykit.testing import FakeBackend, ManualClock, MemoryState
from deploykit.testing.contract import BackendContract, ContractStage, RehearsalContract, RollingContract


class FakeStage:
    """A fake runtime, on a clock of its own."""

    last_words = "going down"

    def __init__(self, strategy: Literal["recreate", "rolling"] = "recreate") -> None:
        clock = ManualClock()
        self.files = MemoryState(clock).files
        self.backend = FakeBackend(clock, self.files, strategy=strategy)

    @property
    def missing(self) -> ImageRef:
        return ImageRef("example.com/team/other", "nosuch")

    def publish(self, tag: str, exit_code: int | None = None) -> ImageRef:
        script = self.backend.release(tag)
        if exit_code is not None:
            script.crashes(after=0.1, exit_code=exit_code, log=self.last_words)
        return ImageRef(script.image.repository, tag)


class TestFake(BackendContract):
    @pytest.fixture
    def stage(self) -> ContractStage:
        return FakeStage()


class TestFakeRehearses(RehearsalContract):
    @pytest.fixture
    def stage(self) -> ContractStage:
        return FakeStage()


class TestFakeRolls(RollingContract):
    @pytest.fixture
    def stage(self) -> ContractStage:
        return FakeStage("rolling")
