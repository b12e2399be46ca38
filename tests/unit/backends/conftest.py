"""Fixtures of the backends' tests."""

from tests.unit.backends.docker import docker
from tests.unit.backends.registry import make_registry, registry

__all__ = ["docker", "make_registry", "registry"]
