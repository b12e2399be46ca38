"""What all tests share: the fixtures of engine tests, which skip themselves where there is no engine."""

from hypothesis import settings

pytest_plugins = ["tests.engine.support.fixtures"]

collect_ignore = ["consumer"]  # a project of its own: tests/e2e/test_wheel.py runs it

# How long an example takes says nothing on a machine that is shared.
settings.register_profile("deploykit", deadline=None)
settings.load_profile("deploykit")
