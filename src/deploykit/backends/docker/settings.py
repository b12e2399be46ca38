"""What a container is made with: as the config says it today, and as a release keeps it."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from deploykit.backends.engine.envfile import read_env_file
from deploykit.release import Snapshot

CONTAINER = "container.json"
ENVIRONMENT = "environment.json"
BUILT_IN_NETWORKS = frozenset({"bridge", "host", "none"})
"""Networks of Docker's own, in which there are no aliases."""
_PORT = re.compile(r"(?:(?:\[[^]]*\]|[^:\[\]]*):)??(?:(?P<published>\d+):)?(?P<own>\d+)(?:/(?P<protocol>\w+))?")


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """`healthcheck`, as Compose has it: `test` is a shell command; durations are Docker's, such as `1m30s`."""

    test: str | None = None
    disable: bool = False
    interval: str | None = None
    timeout: str | None = None
    start_period: str | None = None
    retries: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSettings:
    """The keys of `[backend]` that say what a container is made with, named as Compose names them.

    `environment` without a value is taken over from the shell. `env_file` stand before it: it has the last word.
    `networks` have their aliases. `volumes` are `SOURCE:TARGET[:ro]`, `ports` `[HOST:]PUBLISHED:OWN`, as in Compose's
    short form. `stop_grace_period` is in seconds.
    """

    replicas: int = 1
    ports: tuple[str, ...] = ()
    environment: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    env_file: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    networks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    user: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    restart: str = "unless-stopped"
    healthcheck: Healthcheck | None = None
    mem_limit: str | None = None
    cpus: float | None = None
    stop_grace_period: int | None = None
    extra_hosts: tuple[str, ...] = ()
    logging_driver: str | None = None
    logging_options: Mapping[str, str] = field(default_factory=dict)

    def snapshot(self, shell: Mapping[str, str]) -> Snapshot:
        """Read the env files, and what is taken over from the shell; return all of it as a release keeps it.

        Raises:
            ConfigError: an env file cannot be read.
        """
        environment: dict[str, str] = {}
        for path in self.env_file:
            environment |= read_env_file(Path(path), shell, "backend.env_file")
        for name, value in self.environment.items():
            if (filled := shell.get(name) if value is None else value) is not None:
                environment[name] = filled
        container = {**asdict(self), "environment": {}, "env_file": ()}
        return Snapshot({CONTAINER: _dump(container), ENVIRONMENT: _dump(environment)})

    @classmethod
    def of(cls, snapshot: Snapshot) -> "ContainerSettings":
        """Return what a release was kept with, its environment filled in."""
        said: dict[str, Any] = json.loads(snapshot.files[CONTAINER])
        check = Healthcheck(**said["healthcheck"]) if said["healthcheck"] else None
        networks = {name: tuple(aliases) for name, aliases in said["networks"].items()}
        lists = {name: tuple(value) for name, value in said.items() if isinstance(value, list)}
        kept = cls(**{**said, **lists, "healthcheck": check, "networks": networks})
        return replace(kept, environment=json.loads(snapshot.files[ENVIRONMENT]))

    @property
    def published(self) -> dict[int, int]:
        """The fixed TCP ports of this machine, each with the container's own."""
        found = (_PORT.fullmatch(port) for port in self.ports)
        return {
            int(one["published"]): int(one["own"])
            for one in found
            if one and one["published"] and one["protocol"] in {None, "tcp"}
        }


def _dump(value: object) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True).encode()
