"""Every shelf keeps the promises of the contract: the engine's volumes, and that of the unit tests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from deploykit.backends.engine.client import Engine
from deploykit.backends.engine.volumes import VolumeShelf
from deploykit.backends.engine.wire import Wire
from tests.contract.shelf import ShelfContract
from tests.engine.support import names
from tests.engine.support.docker import docker
from tests.unit.shared.machines import MemoryShelf, StageClock

if TYPE_CHECKING:
    from pathlib import Path

    from deploykit.protocols import Shelf


class TestMemory(ShelfContract):
    @pytest.fixture(autouse=True)
    def _one(self) -> None:
        self._shelf = MemoryShelf(StageClock())

    def open_shelf(self) -> Shelf:
        return self._shelf


@pytest.mark.engine
class TestVolumes(ShelfContract):
    """Over the engine's socket."""

    @pytest.fixture(autouse=True)
    def _name(self) -> None:
        self._named = f"deploykit.{names.scope()}"

    def open_shelf(self) -> Shelf:
        return VolumeShelf(self._named, Wire(Engine()))


@pytest.mark.engine
class TestVolumesElsewhere(TestVolumes):
    """Over docker's CLI, as with an engine on another machine."""

    @pytest.fixture(autouse=True)
    def _context(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        monkeypatch.delenv("DOCKER_HOST", raising=False)
        docker("context", "create", "elsewhere", "--docker", f"host={host}")

    def open_shelf(self) -> Shelf:
        return VolumeShelf(self._named, Wire(Engine(context="elsewhere")))
