"""A swarm that is only pretended: its tasks are words, and turn healthy when they are said to.

It answers in the engine's own words, and updates as the engine does: a batch of `parallelism` tasks, start-first, and
then a hold, as long as the delay between two batches is. Time is given to it; nothing happens but when it is asked.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

SERVICE = "scale_web"
CRASHES = "crashes"
"""What is in the tag of an image whose containers exit."""
ENDED = {"shutdown", "failed"}
ENVIRONMENT = [f"SETTING_{number}={uuid4()}" for number in range(20)]
"""As much as an app is given, which each task tells again."""


class OutOfSequence(Exception):
    """The service has changed since it was read."""


@dataclass
class Task:
    """A task, with what the engine says of it, made anew only when it has changed."""

    said: dict[str, Any]
    text: bytes = b""

    def become(self, state: str, desired: str, at: str, code: int = 0) -> None:
        """Come into another state."""
        self.said["DesiredState"] = desired
        self.said["UpdatedAt"] = at
        self.said["Status"] |= {"State": state, "Timestamp": at, "Message": state}
        self.said["Status"]["ContainerStatus"] |= {"ExitCode": code}
        if code:
            self.said["Status"]["Err"] = f"task: non-zero exit ({code})"
        self.text = json.dumps(self.said).encode()

    @property
    def state(self) -> str:
        """What it is doing."""
        return str(self.said["Status"]["State"])

    def runs(self, container: dict[str, Any]) -> bool:
        """Whether it is one of these that has not ended."""
        return self.state not in ENDED and self.said["Spec"]["ContainerSpec"] == container


@dataclass
class Swarm:
    """One service, of so many replicas, each on a node of its own.

    `starts_in` seconds a task turns healthy, or has exited; `history` ended tasks are remembered of each place. `clock`
    tells seconds since the epoch.
    """

    replicas: int
    image: str
    clock: Callable[[], float]
    starts_in: float = 1.0
    history: int = 5
    version: int = 10
    places: list[list[Task]] = field(default_factory=list)
    _due: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        container = {"Image": self.image, "Env": ENVIRONMENT, "Labels": {}, "Isolation": "default", "Init": False}
        self.spec: dict[str, Any] = {
            "Name": SERVICE,
            "Labels": {},
            "TaskTemplate": {"ContainerSpec": container, "Placement": {}, "ForceUpdate": 0, "Runtime": "container"},
            "Mode": {"Replicated": {"Replicas": self.replicas}},
            "UpdateConfig": {"Parallelism": 1, "FailureAction": "pause", "MaxFailureRatio": 0, "Order": "start-first"},
            "EndpointSpec": {"Mode": "dnsrr"},
        }
        for number in range(1, self.replicas + 1):
            past = [self._made(number, "shutdown", "shutdown") for _ in range(self.history)]
            self.places.append([*past, self._made(number, "running", "running")])

    # What is asked.

    def service(self) -> dict[str, Any]:
        """Return what is said of the service."""
        self._go_on()
        return {"ID": "service1", "Version": {"Index": self.version}, "Spec": self.spec}

    def tasks(self) -> bytes:
        """Return what is said of all tasks, as JSON."""
        self._go_on()
        return b"[" + b",".join(task.text for place in self.places for task in place) + b"]"

    @property
    def remembered(self) -> int:
        """How many tasks there are, with those that have ended."""
        return sum(map(len, self.places))

    def nodes(self) -> list[dict[str, Any]]:
        """Return what is said of the nodes."""
        return [
            {
                "ID": f"node{number}",
                "Description": {"Hostname": f"web-{number}", "Platform": {"Architecture": "x86_64", "OS": "linux"}},
                "Spec": {"Role": "worker", "Availability": "active"},
                "Status": {"State": "ready", "Addr": f"127.1.{number // 250}.{number % 250 + 1}"},
            }
            for number in range(1, self.replicas + 1)
        ]

    def update(self, version: int, spec: dict[str, Any]) -> None:
        """Change the service, and begin with the first batch of what is to be replaced."""
        self._go_on()
        if version != self.version:
            raise OutOfSequence
        self.version += 1
        self.spec = spec
        wanted = spec["TaskTemplate"]["ContainerSpec"]
        stale = [place for place in self.places if not place[-1].runs(wanted)]
        for place in stale[: int(spec["UpdateConfig"].get("Parallelism") or 0) or None]:
            self._replace(place, wanted)

    # What happens.

    def _replace(self, place: list[Task], wanted: dict[str, Any]) -> None:
        kept = next((task for task in place if task.runs(wanted)), None)
        if kept is not None:  # as the engine does: what runs, and is wanted again, stays
            place.append(place.pop(place.index(kept)))
            self._end_others(place)
            return
        new = self._made(place[0].said["Slot"], "starting", "running")
        place.append(new)
        happens = self._crashed if CRASHES in str(wanted["Image"]) else self._started
        self._due.append((self.clock() + self.starts_in, lambda: happens(place)))

    def _started(self, place: list[Task]) -> None:
        place[-1].become("running", "running", self._now())
        self._end_others(place)

    def _crashed(self, place: list[Task]) -> None:
        """Let the newest task exit; another is made, which waits for its turn."""
        place[-1].become("failed", "shutdown", self._now(), code=3)
        place.append(self._made(place[0].said["Slot"], "ready", "ready"))

    def _end_others(self, place: list[Task]) -> None:
        for old in place[:-1]:
            if old.state not in ENDED:
                old.become("shutdown", "shutdown", self._now())
        del place[: -self.history - 1]

    def _go_on(self) -> None:
        now = self.clock()
        due, self._due = [one for one in self._due if one[0] <= now], [one for one in self._due if one[0] > now]
        for _, happen in due:
            happen()

    def _made(self, slot: int, state: str, desired: str) -> Task:
        number, at = next(self._numbers), self._now()
        template = self.spec["TaskTemplate"]
        task = Task(
            {
                "ID": f"{number:025d}",
                "Version": {"Index": number},
                "CreatedAt": at,
                "UpdatedAt": at,
                "Labels": {},
                "Spec": template | {"ContainerSpec": dict(template["ContainerSpec"])},
                "ServiceID": "service1",
                "Slot": slot,
                "NodeID": f"node{slot}",
                "Status": {"ContainerStatus": {"ContainerID": f"{number:064x}", "PID": 4711}, "PortStatus": {}},
                "NetworksAttachments": [_attachment(slot)],
            }
        )
        task.become(state, desired, at)
        return task

    def _now(self) -> str:
        return f"{datetime.fromtimestamp(self.clock(), UTC):%Y-%m-%dT%H:%M:%S.%f}000Z"


def _attachment(slot: int) -> dict[str, Any]:
    """Return what each task tells of the network that it is in."""
    options = {"Driver": {"Name": "default"}, "Configs": [{"Subnet": "10.0.0.0/16", "Gateway": "10.0.0.1"}]}
    spec = {"Name": "shop_default", "Labels": {}, "DriverConfiguration": {}, "IPAMOptions": options, "Scope": "swarm"}
    network = {"ID": "network1", "Version": {"Index": 7}, "Spec": spec, "DriverState": {"Name": "overlay"}}
    return {"Network": network | {"IPAMOptions": options}, "Addresses": [f"10.0.{slot // 250}.{slot % 250 + 2}/16"]}
