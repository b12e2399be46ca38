"""Docker's containers as our values."""

from datetime import datetime
from typing import TYPE_CHECKING

from deploykit.release import Health, Instance, Status

if TYPE_CHECKING:
    from python_on_whales.components.container.models import ContainerInspectResult

_STATUS: dict[str, Status] = {
    "created": "created",
    "running": "running",
    "restarting": "restarting",
    "paused": "paused",
    "removing": "exited",
    "exited": "exited",
    "dead": "exited",
}
_HEALTH: dict[str, Health] = {"starting": "starting", "healthy": "healthy", "unhealthy": "unhealthy"}


def name_of(container: "ContainerInspectResult") -> str:
    """Return the container's name, without the slash that Docker puts before it."""
    return (container.name or "").lstrip("/")


def label(container: "ContainerInspectResult", name: str) -> str | None:
    """Return the value of a label, None when there is none."""
    labels = container.config.labels if container.config else None
    return (labels or {}).get(name)


def environment_of(container: "ContainerInspectResult") -> dict[str, str]:
    """Return the environment that the container was made with."""
    entries = (container.config.env if container.config else None) or ()
    return dict(entry.partition("=")[::2] for entry in entries)


def instance_of(container: "ContainerInspectResult", service: str = "", release: str | None = None) -> Instance:
    """Return the container as an instance."""
    state = container.state
    assert state is not None  # noqa: S101 - every engine tells the state
    health = state.health.status if state.health else None
    status = _STATUS.get(state.status or "", "exited")
    return Instance(
        id=container.id or "",
        service=service,
        status=status,
        release=release,
        name=name_of(container),
        health=_HEALTH.get(health or ""),
        exit_code=state.exit_code if status in {"exited", "restarting"} else None,
        oom_killed=bool(state.oom_killed),
        restarts=container.restart_count or 0,
        created_at=_seconds(container.created),
        started_at=_seconds(state.started_at),
        finished_at=_seconds(state.finished_at),
        address=_address(container),
    )


def _seconds(when: datetime | None) -> float | None:
    # Docker writes the year 1 for "never".
    return when.timestamp() if when and when.year > 1 else None


def _address(container: "ContainerInspectResult") -> str | None:
    networks = (container.network_settings.networks if container.network_settings else None) or {}
    if "host" in networks:
        return "127.0.0.1"  # it has no network of its own
    addresses = (network.ip_address for network in networks.values())
    return next((address for address in addresses if address), None)
