"""Fixtures of the backends' tests."""

from tests.unit.backends.docker import docker

__all__ = ["docker"]
