"""Tasks of a service as our instances: one for each place in it, the task that is to run there."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from deploykit.backends.engine import labels
from deploykit.backends.engine.containers import seconds_of
from deploykit.backends.swarm.service import marks, marks_of
from deploykit.release import Health, Instance, Release, Status

REJECTIONS = 3
"""How often a task may be refused by nodes before that is taken for their last word: a registry may fail once."""
_STATUS: dict[str, Status] = {
    **dict.fromkeys(["new", "pending", "assigned", "accepted", "preparing", "ready", "starting"], "created"),
    "running": "running",
    "rejected": "created",
    **dict.fromkeys(["complete", "shutdown", "failed", "remove", "orphaned"], "exited"),
}
_NO_NODE = "no suitable node"
_EXITED = re.compile(r"^task: non-zero exit \(\d+\)(: )?")
# An engine that was stopped does not find its containers when it is back: that is not their doing.
_LOST_BY_ENGINE = "No such container"


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the swarm."""

    name: str
    address: str | None
    down: bool

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> "Node":
        status, manager = said.get("Status") or {}, said.get("ManagerStatus") or {}
        address = status.get("Addr") or ""
        if address in {"", "0.0.0.0"}:  # noqa: S104 - compared: a manager may not know its own
            address = str(manager.get("Addr") or "").rpartition(":")[0]
        name = (said.get("Description") or {}).get("Hostname") or said["ID"]  # one that just joins has not told it yet
        return cls(str(name), address or None, status.get("State") == "down")


Nodes = Mapping[str, Node]
"""The machines of the swarm by their ids."""


@dataclass(frozen=True, slots=True)
class Task:
    """A task, as the engine tells of it.

    `checked`: it has a healthcheck, and is called running when that passes; `lost`: its node is down, so that what is
    told of it may be past.
    """

    said: Mapping[str, Any] = field(repr=False)
    checked: bool = False
    lost: bool = False

    @property
    def id(self) -> str:
        return str(self.said["ID"])

    @property
    def service(self) -> str:
        return str(self.said["ServiceID"])

    @property
    def slot(self) -> str:
        """Its place in the service: a number, or the node where there is one on each."""
        return str(self.said.get("Slot") or self.node)

    @property
    def node(self) -> str:
        return str(self.said.get("NodeID") or "")

    @property
    def state(self) -> str:
        return str(self._status.get("State"))

    @property
    def error(self) -> str:
        return str(self._status.get("Err") or "")

    @property
    def exit_code(self) -> int | None:
        code = self._container.get("ExitCode")
        return code if code is not None and code >= 0 and self.container else None

    @property
    def container(self) -> str:
        return str(self._container.get("ContainerID") or "")

    @property
    def spec(self) -> Mapping[str, Any]:
        """What its container is made with."""
        return (self.said.get("Spec") or {}).get("ContainerSpec") or {}

    @property
    def image(self) -> str:
        return str(self.spec.get("Image") or "")

    @property
    def environment(self) -> dict[str, str]:
        """What its container is given."""
        return dict(one.partition("=")[::2] for one in self.spec.get("Env") or ())

    @property
    def created(self) -> str:
        return str(self.said.get("CreatedAt") or "")

    @property
    def at(self) -> float | None:
        """When it came into its state."""
        return seconds_of(self._status.get("Timestamp"))

    @property
    def wanted(self) -> bool:
        return self.said.get("DesiredState") in {"running", "ready"}

    @property
    def waits(self) -> bool:
        """Whether it is to be started only when another has ended, or a while later."""
        return self.said.get("DesiredState") == "ready"

    @property
    def alive(self) -> bool:
        """Whether its container runs."""
        return self.state == "running" or (self.checked and self.state == "starting")

    @property
    def is_on_its_way(self) -> bool:
        """Whether it is to be started, and nothing stands against it: that the old one still ends does not."""
        early = _STATUS.get(self.state) == "created" and self.state != "rejected" and not self.alive
        return self.wanted and early and (self.waits or not self.has_no_node)

    @property
    def has_no_node(self) -> bool:
        return self.state == "pending" and self.error.startswith(_NO_NODE)

    @property
    def _status(self) -> Mapping[str, Any]:
        return self.said.get("Status") or {}

    @property
    def _container(self) -> Mapping[str, Any]:
        return self._status.get("ContainerStatus") or {}


def belongs(task: Task, release: Release) -> bool:
    """Whether a task runs the release: by our labels. One without any is an adopted release's, by its image."""
    found = marks_of(task.spec)
    if found or not release.adopted:
        return found == marks(release)
    name, _, digest = task.image.partition("@")
    return digest == release.image.digest if digest else name == release.image.name


@dataclass(frozen=True, slots=True)
class Slot:
    """The tasks that one place of a service has had, oldest first."""

    service: str
    tasks: tuple[Task, ...]

    @property
    def current(self) -> Task:
        """The task that is to run in it; of two, while one takes the other's place, the newer one."""
        return next((one for one in reversed(self.tasks) if one.wanted), self.tasks[-1])

    @property
    def name(self) -> str:
        return f"{self.service}.{self.current.slot}"

    @property
    def losses(self) -> list[Task]:
        """The tasks that it had on nodes that are down."""
        return [one for one in self.tasks if one.lost and one.alive]

    @property
    def is_left(self) -> bool:
        """Whether its node is lost, and no other has its task yet: that may wait for the old one to end, for ever."""
        return bool(self.losses) and not (self.current.alive and not self.current.lost)

    @property
    def is_on_its_way(self) -> bool:
        """Whether its task is to be started for the first time, and nothing stands against that."""
        return self.current.is_on_its_way and not self.is_left and len(self.row()) == 1

    def row(self) -> tuple[Task, ...]:
        """Return its task, and those before it that it was started in place of because they had ended badly."""
        row = [self.current]
        for before in reversed(self.tasks[: self.tasks.index(self.current)]):
            if before.state not in {"failed", "complete", "rejected"} or not alike(before, self.current):
                break
            if _LOST_BY_ENGINE in before.error:
                break
            row.insert(0, before)
        return tuple(row)


def slots(service: str, tasks: Iterable[Task]) -> list[Slot]:
    """Return the places of a service that has these tasks, in their order."""
    ordered = sorted(tasks, key=lambda one: (_number(one.slot), one.created))
    return [Slot(service, tuple(group)) for _, group in groupby(ordered, lambda one: one.slot)]


def _number(slot: str) -> tuple[int, str]:
    return (int(slot), "") if slot.isdigit() else (0, slot)


Mine = Callable[[Task], bool]
"""Whether a task is one of those that are asked for."""


def alike(one: Task, other: Task) -> bool:
    """Whether both run the same release, whether or not it is one of ours."""
    return (one.image, marks_of(one.spec)) == (other.image, marks_of(other.spec))


def instances_of(places: Sequence[Slot], mine: Mine, nodes: Nodes, *, port: bool) -> list[Instance]:
    """Return those among these places of a service, as instances, whose task is one of `mine`.

    A place whose node is lost, and that no other node has taken, counts no more: it is told as an error of another.
    `port`: tasks are reached at their nodes.
    """
    chosen = [one for one in places if mine(one.current)]
    lost = [task for one in places for task in one.losses]
    left = sorted(chosen, key=lambda one: not one.is_left)  # another may have taken the node that it would have had
    homeless = [one for one in left if one.is_left or one.current.has_no_node][: len(lost)]
    without = {one.name for one in homeless}
    rest = [one for one in chosen if one.name not in without]
    if not rest:
        homeless, rest = [], chosen
    found = [_instance(one, nodes, port=port) for one in rest]
    if found and homeless:
        told = f"{', '.join(one.name for one in homeless)} cannot be placed: {_lost_nodes(lost, nodes)}"
        found[0] = replace(found[0], error=_joined(found[0].error, told))
    return found


def _lost_nodes(lost: Iterable[Task], nodes: Nodes) -> str:
    return ", ".join(dict.fromkeys(f"node {nodes[one.node].name} is down" for one in lost))


def _instance(place: Slot, nodes: Nodes, *, port: bool) -> Instance:
    current, row = place.current, place.row()
    failures = [one for one in row if one.state in {"failed", "complete"}]
    rejected = [one for one in row if one.state == "rejected"]
    status = _status(current, failed=bool(failures), rejected=len(rejected))
    last = failures[-1] if failures else current
    node = nodes.get(current.node)
    return Instance(
        id=current.id,
        service=place.service,
        status=status,
        release=marks_of(current.spec).get(labels.RELEASE),
        name=place.name,
        health=_health(current) if current.checked else None,
        exit_code=last.exit_code if last.state in {"failed", "complete", "shutdown"} else None,
        restarts=len([one for one in failures if one is not current]),
        created_at=seconds_of(current.created),
        started_at=current.at if status == "running" else None,
        finished_at=last.at if status in {"exited", "restarting"} else None,
        address=node.address if node and port else None,
        node=_node_of(last, nodes),
        error=_error(place, row, nodes),
    )


def _status(current: Task, *, failed: bool, rejected: int) -> Status:
    if current.alive:
        return "running"  # where it has a healthcheck, before that has passed
    status = _STATUS.get(current.state, "exited")
    if status == "created" and rejected >= REJECTIONS:
        return "exited"
    return "restarting" if status == "created" and failed else status


def _health(task: Task) -> Health:
    return "healthy" if task.state == "running" else "starting"


def _error(place: Slot, row: Sequence[Task], nodes: Nodes) -> str:
    """Return what is wrong with what does not run, and what became of a node that it was on before."""
    current = row[-1]
    if current.state == "running":
        lost = [one for one in place.losses if one is not current]
        return f"moved: {_lost_nodes(lost, nodes)}" if lost else ""
    told = [one for one in row if one.error][-1:]
    return _joined(*(_explained(one, nodes) for one in told))


def _explained(task: Task, nodes: Nodes) -> str:
    """Return the swarm's own words, but for the exit code, which is told elsewhere."""
    if task.state == "rejected":
        return f"node {_node_of(task, nodes)} rejected it: {task.error}"
    return _EXITED.sub("", task.error)


def _node_of(task: Task, nodes: Nodes) -> str:
    return nodes[task.node].name if task.node in nodes else task.node


def _joined(*told: str) -> str:
    return "; ".join(filter(None, told))


def others(places: Iterable[Slot], release: Release, nodes: Nodes) -> Iterator[Instance]:
    """Yield the living tasks of other releases, but for those on a node that is lost."""
    for place in places:
        for task in place.tasks:
            if task.alive and not task.lost and not belongs(task, release):
                yield _instance(replace(place, tasks=(task,)), nodes, port=False)


def wanted(replicas: int | None, places: Collection[Slot]) -> int:
    """Return how many places a service is to have: one on each node that has any, where no number is said."""
    return len([one for one in places if one.current.wanted]) if replicas is None else replicas
