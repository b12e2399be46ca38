"""The `docker` backend."""

from deploykit.backends.docker.backend import DockerBackend
from deploykit.backends.docker.settings import ContainerSettings, Healthcheck

__all__ = ["ContainerSettings", "DockerBackend", "Healthcheck"]
