from pathlib import Path

import pytest

from tests.unit.shared.machines import Machines


@pytest.fixture
def machines(tmp_path: Path) -> Machines:
    return Machines(tmp_path)
