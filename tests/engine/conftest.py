"""Every test below this folder needs an engine."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.engine)
    left_out = [item for item in items if _is_left_out(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _is_left_out(item: pytest.Item) -> bool:
    """Whether a module has told in NOT_ON_A_SWARM that a test, or a case of it, is not one for a swarm."""
    if not isinstance(item, pytest.Function) or item.get_closest_marker("xdist_group") is None:
        return False
    listed: dict[str, str] = getattr(item.module, "NOT_ON_A_SWARM", {})
    case = item.name.replace("swarm-", "").replace("-swarm", "")
    return item.originalname in listed or case in listed
