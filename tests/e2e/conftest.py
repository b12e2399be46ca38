"""The app that each test gets for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import ProcessApp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def app(tmp_path: Path) -> Iterator[ProcessApp]:
    """An app that was never deployed."""
    made = ProcessApp(tmp_path / "app")
    yield made
    made.remove()
