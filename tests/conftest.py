"""What all tests share: the fixtures of engine tests, which skip themselves where there is no engine."""

import pytest
from hypothesis import settings

pytest_plugins = ["tests.engine.support.fixtures"]

collect_ignore = ["consumer"]  # a project of its own: tests/e2e/test_wheel.py runs it

# How long an example takes says nothing on a machine that is shared.
settings.register_profile("deploykit", deadline=None)
settings.load_profile("deploykit")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """See to it that tests which share a swarm, or an engine, are kept together: xdist notes that in their ids."""
    alone = [item.nodeid for item in items if item.get_closest_marker("xdist_group") and "@" not in item.nodeid]
    if alone and getattr(config.option, "loadgroup", False):
        raise pytest.UsageError(f"this pytest and this xdist do not keep groups of tests together: {alone[0]}")
