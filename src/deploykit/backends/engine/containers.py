"""Docker's containers as our values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from deploykit.release import Health, Instance, Status

_STATUS: dict[str, Status] = {
    "created": "created",
    "running": "running",
    "restarting": "restarting",
    "paused": "paused",
    "removing": "exited",
    "exited": "exited",
    "dead": "exited",
}
NEVER = "no"
"""The restart policy of a container that Docker does not start again."""
_HEALTH: dict[str, Health] = {"starting": "starting", "healthy": "healthy", "unhealthy": "unhealthy"}


@dataclass(frozen=True, slots=True)
class Container:
    """A container, as `docker container inspect` tells of it."""

    said: Mapping[str, Any] = field(repr=False)

    @property
    def id(self) -> str:
        return str(self.said.get("Id") or "")

    @property
    def image(self) -> str:
        """The id of the image that it runs."""
        return str(self.said.get("Image") or "")

    @property
    def image_name(self) -> str:
        """The name, or id, that its image was given when it was made."""
        return str(self.part("Config").get("Image") or "")

    def part(self, *names: str) -> Mapping[str, Any]:
        """Return a table of what is said, by the names that lead to it; empty where there is none."""
        found = self.said
        for name in names:
            found = found.get(name) or {}
        return found


def name_of(container: Container) -> str:
    """Return the container's name, without the slash that Docker puts before it."""
    return str(container.said.get("Name") or "").lstrip("/")


def labels_of(container: Container) -> Mapping[str, str]:
    """Return the container's labels."""
    return container.part("Config", "Labels")


def label(container: Container, name: str) -> str | None:
    """Return the value of a label, None when there is none."""
    return labels_of(container).get(name)


def aliases_of(container: Container) -> Mapping[str, Sequence[str]]:
    """Return the networks that the container is in, each with its aliases there."""
    networks = container.part("NetworkSettings", "Networks")
    return {name: network.get("Aliases") or () for name, network in networks.items()}


def restart_policy_of(container: Container) -> str:
    """Return when Docker starts the container again: `no`, `always`, `unless-stopped` or `on-failure[:N]`."""
    policy = container.part("HostConfig", "RestartPolicy")
    name, limit = policy.get("Name") or "no", policy.get("MaximumRetryCount")
    return f"{name}:{limit}" if name == "on-failure" and limit else name


def environment_of(container: Container) -> dict[str, str]:
    """Return the environment that the container was made with."""
    entries = container.part("Config").get("Env") or ()
    return dict(entry.partition("=")[::2] for entry in entries)


def instance_of(container: Container, service: str = "", release: str | None = None) -> Instance:
    """Return the container as an instance."""
    state = container.part("State")
    status = _STATUS.get(state.get("Status") or "", "exited")
    return Instance(
        id=container.id,
        service=service,
        status=status,
        release=release,
        name=name_of(container),
        health=_HEALTH.get(container.part("State", "Health").get("Status") or ""),
        exit_code=_exit_code(status, state.get("ExitCode")),
        oom_killed=bool(state.get("OOMKilled")),
        restarts=container.said.get("RestartCount") or 0,
        created_at=seconds_of(container.said.get("Created")),
        started_at=seconds_of(state.get("StartedAt")),
        finished_at=seconds_of(state.get("FinishedAt")),
        address=_address(container),
    )


def _exit_code(status: Status, said: int | None) -> int | None:
    """Return the code of the last exit; None where it is not known: 0 may be one that the next start has cleared."""
    if status == "restarting":
        return said or None
    return said if status == "exited" else None


def seconds_of(when: str | None) -> float | None:
    """Return a time of Docker's in seconds since the epoch; None for never."""
    # Docker writes the year 1 for "never".
    return None if not when or when.startswith("0001-") else datetime.fromisoformat(when).timestamp()


def _address(container: Container) -> str | None:
    networks = container.part("NetworkSettings", "Networks")
    if "host" in networks:
        return "127.0.0.1"  # it has no network of its own
    addresses = ((network or {}).get("IPAddress") for network in networks.values())
    return next((address for address in addresses if address), None)
