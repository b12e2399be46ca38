"""What all tests share: the fixtures of engine tests, which skip themselves where there is no engine."""

pytest_plugins = ["tests.engine.support.fixtures"]
