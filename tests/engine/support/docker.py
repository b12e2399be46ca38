"""The docker command, and what it tells about containers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from scripts.api import ask
from scripts.commands import run

if TYPE_CHECKING:
    from collections.abc import Mapping


class Serves(Protocol):
    """What serves at one moment; equal while nothing of it was moved."""

    @property
    def id(self) -> str: ...

    @property
    def image_id(self) -> str: ...


@dataclass(frozen=True)
class Container:
    """A container as the engine sees it at one moment."""

    id: str
    name: str
    state: str
    exit_code: int
    oom_killed: bool
    restarts: int
    health: str | None
    started_at: str
    image: str
    image_id: str
    labels: Mapping[str, str]
    restart_policy: str

    @property
    def service(self) -> str:
        return self.labels.get("com.docker.compose.service", "")

    @property
    def running(self) -> bool:
        return self.state == "running"

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Container:
        state = found["State"]
        return cls(
            id=found["Id"],
            name=found["Name"].removeprefix("/"),
            state=state["Status"],
            exit_code=state["ExitCode"],
            oom_killed=state["OOMKilled"],
            restarts=found["RestartCount"],
            health=state.get("Health", {}).get("Status"),
            started_at=state["StartedAt"],
            image=found["Config"]["Image"],
            image_id=found["Image"],
            labels=found["Config"]["Labels"] or {},
            restart_policy=found["HostConfig"]["RestartPolicy"]["Name"] or "no",
        )


def docker(*argv: str, timeout: float = 60, text: str | None = None) -> str:
    """Run docker and return what it printed; raises CommandFailed."""
    return run(["docker", *argv], timeout=timeout, text=text).strip()


def inspect(*names: str) -> list[Container]:
    """Look at containers; what is not there is left out."""
    return [Container.of(found) for name in names if (found := ask(f"/containers/{name}/json"))]


def labelled(label: str, value: str) -> list[Container]:
    """Look at all containers, running or not, with a label; in the order of their names."""
    found = ask("/containers/json", all=True, filters={"label": [f"{label}={value}"]})
    return sorted(inspect(*(one["Id"] for one in found)), key=lambda container: container.name)
