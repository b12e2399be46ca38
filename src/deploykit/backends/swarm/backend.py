"""The `swarm` backend: services of a swarm, replaced by the engine's own update, one batch at a time."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from deploykit.backends.engine import labels
from deploykit.backends.engine.client import Engine
from deploykit.backends.engine.containers import instance_of
from deploykit.backends.engine.images import Images
from deploykit.backends.engine.stock import Stock
from deploykit.backends.swarm import byhand, checks
from deploykit.backends.swarm.cluster import Cluster
from deploykit.backends.swarm.service import Service, marks_of, release_args
from deploykit.backends.swarm.settings import SwarmSettings
from deploykit.backends.swarm.tasks import Mine, Nodes, Slot, Task, alike, belongs, instances_of, others, slots
from deploykit.backends.swarm.walk import Sight, Walk
from deploykit.backends.swarm.watch import TaskWatch
from deploykit.errors import ConfigError, StepFailed
from deploykit.protocols import (
    Control,
    Execution,
    Finding,
    Identity,
    Program,
    Rehearsal,
    Watch,
)
from deploykit.release import ImageRef, Instance, Release, Running, Snapshot
from deploykit.store import ReleaseFolders

_OF_SERVICE = "com.docker.swarm.service.name"
"""The engine's own label of the containers of a service."""
_GAP = 0.2
_REMOTE_GAP = 1.0
_LOG_LIMIT = 1024 * 1024
_LOGS_OF = 3
_OUTPUT_LIMIT = 64 * 1024


class SwarmBackend(Stock, ABC):
    """Instances are tasks."""

    def __init__(self, settings: SwarmSettings) -> None:
        self.settings: SwarmSettings = settings
        self.services: tuple[str, ...] = tuple(settings.services)
        self._checked: dict[str, bool] = {}
        self._taken = 0.0
        self.releases: ReleaseFolders = ReleaseFolders.of(settings.state)
        self.engine: Engine = Engine(settings.host, settings.context)
        self.cluster: Cluster = Cluster(self.engine)
        self.local: Images = Images(self.engine, settings.name, settings.pull_timeout)
        self._walk = Walk(
            self.cluster,
            lambda release: len(self.services_of(release)),
            settings.pace.delay,
            settings.pull_timeout,
            self.look,
            self._instances_in,
            self.others,
            self.specify,
        )

    # What differs.

    @property
    @abstractmethod
    def project(self) -> str:
        """The name that the app's tasks share."""

    @abstractmethod
    def full_names(self) -> Mapping[str, str]:
        """Return what the services are called in the swarm."""

    @abstractmethod
    def services_of(self, release: Release) -> Sequence[str]:
        """Return those of the services that a release has: all, unless its file is from before there were as many."""

    @abstractmethod
    def snapshot(self, image: ImageRef) -> Snapshot:
        """Read what a release of this image needs beside it."""

    @abstractmethod
    def specify(self, release: Release, seen: Sequence[Sight], control: Control) -> None:
        """Have the services become those of the release, but for now their first batch alone. `seen` are there."""

    @abstractmethod
    def own_healthcheck(self, service: str) -> bool | None:
        """Whether a service has a healthcheck by its own settings; None where the image decides."""

    @abstractmethod
    def has_host_ports(self, service: str) -> bool:
        """Whether each task of a service has a port of its own node."""

    # What it is, and what there is.

    def identity(self) -> Identity:
        return Identity(self.cluster.id(), self.project, "Task")

    def running(self) -> Running | None:
        seen = self.look()
        living = [(one, task) for one in seen for task in one.living]
        if not living:
            return None
        _, main = max(living, key=lambda pair: self._rank(*pair))
        written = marks_of(main.spec)
        instances = self._instances(seen, lambda task: alike(task, main))
        return Running(self._image(main), instances, written.get(labels.RELEASE), written.get(labels.FINGERPRINT))

    def _rank(self, sight: Sight, task: Task) -> tuple[int, bool, str]:
        """Order tasks by how much they are what runs: of the main service, as it is specified, made last."""
        place = self.services.index(sight.service.name)
        return -place, sight.service.container == task.spec, task.created

    def instances(self, release: Release) -> Sequence[Instance]:
        return self._instances_in(release, self.look())

    def _instances_in(self, release: Release, seen: Sequence[Sight]) -> Sequence[Instance]:
        return self._instances(seen, lambda task: belongs(task, release))

    def others(self, release: Release) -> Sequence[Instance]:
        return [one for seen in self.look() for one in others(seen.places, release, seen.nodes)]

    def watch(self, release: Release) -> Watch:
        return TaskWatch(lambda: self.instances(release), _GAP if self.engine.is_local else _REMOTE_GAP, self._taken)

    def complete(self, release: Release) -> bool:
        seen = self.look()
        return len(seen) == len(self.services_of(release)) and all(self._is_complete(one, release) for one in seen)

    def _is_complete(self, sight: Sight, release: Release) -> bool:
        running = [one for one in sight.taken_by(release) if one.current.alive]
        living = [one for one in sight.living if one.wanted]
        return len(running) == sight.wanted > 0 and len(living) == len(running)

    def look(self) -> list[Sight]:
        """Look at the services that there are."""
        began = time.monotonic()
        found = self.cluster.services(self.full_names())
        listed, nodes = self.cluster.tasks(found), self.cluster.nodes()
        seen = [Sight(one, slots(one.name, self._tasks_of(one, listed, nodes)), nodes) for one in found]
        self._taken = time.monotonic() - began
        return seen

    def _tasks_of(self, service: Service, listed: Sequence[Task], nodes: Nodes) -> Iterator[Task]:
        for task in listed:
            if task.service == service.id:
                own = service.healthcheck
                checked = self._is_checked(task.image) if own is None else own
                yield replace(task, checked=checked, lost=task.node in nodes and nodes[task.node].down)

    def _is_checked(self, image: str) -> bool:
        """Whether an image that is at hand has a healthcheck; asked once, it does not change."""
        if image not in self._checked and (found := self.local.find(ImageRef.parse(image))):
            self._checked[image] = self.local.has_healthcheck(found)
        return self._checked.get(image, False)

    def logs(self, release: Release, tail: int) -> str:
        # What has failed stands at the end: the last lines are those that people read.
        told = sorted(self._all_of(release), key=lambda one: (one.state in {"failed", "complete"}, one.created))
        texts = (self.cluster.logs(one, tail).strip() for one in told[-_LOGS_OF:])
        return self.redact("\n".join(filter(None, texts))[-_LOG_LIMIT:])

    def execute(self, instance: Instance, argv: Sequence[str], timeout: float) -> Execution:
        task = self.cluster.task(instance.id)
        if task is None or not task.container or not self.engine.inspect([task.container]):
            msg = f"{instance.name} runs on node {instance.node}, where nothing can be run in it from here"
            raise StepFailed(msg, hint="Use a URL, or a probe of type container.")
        done = self.engine.execute(task.container, argv, timeout)
        said = self.redact((done.output + done.errors).decode(errors="replace"))
        return Execution(done.code, said.encode()[-_OUTPUT_LIMIT:].decode(errors="ignore"))

    def redact(self, text: str) -> str:
        return self.engine.redact(text)

    # Images: those of the manager that is asked. The nodes bring what they need themselves, by its digest.

    def discard(self, release: Release, kept: Sequence[Release], control: Control) -> bool:
        ended = [one.container for one in self._all_of(release) if one.container and not one.alive]
        here = [one.id for one in self.engine.inspect(ended) if not instance_of(one).alive]
        if here:
            self.engine.change(control, "rm", "--volumes", *here)
        return self.local.discard(release, kept) or bool(here)

    def demand(self, image: ImageRef) -> None:
        if image.digest is None:
            msg = f"{image.name} has no digest: the nodes bring it from a registry, by that"
            raise ConfigError(msg, hint="Push it, and deploy it by the name of that registry.")
        demands, has_check = self.settings.demands, self.local.has_healthcheck(image)
        for service in sorted(demands.healthcheck):
            own = self.own_healthcheck(service)
            if not (has_check if own is None else own):
                msg = f"health.probe of type 'container': {image.name}, which runs {service}, has no HEALTHCHECK"
                hint = "Give the image a HEALTHCHECK, the service a healthcheck, or use another probe."
                raise ConfigError(msg, hint=hint)
        checks.refuse_addresses(one for one in demands.address if not self.has_host_ports(one))
        if demands.command:
            checks.refuse_commands(self.cluster.nodes())

    # What comes before anything is replaced.

    @property
    def beside(self) -> bool:
        return False

    @property
    def gradual(self) -> bool:
        return True

    def has_release_command(self) -> bool:
        return False

    def run_release_command(self, release: Release, control: Control) -> None:  # noqa: ARG002 - the contract's
        raise ConfigError("backend.release_command: there is none on a swarm")

    def rehearse(self, release: Release, control: Control) -> Rehearsal:  # noqa: ARG002 - the contract's
        raise ConfigError("backend.rehearse: there is none on a swarm", hint="Take it out.")

    # What changes something.

    def start(self, release: Release, control: Control) -> bool:
        return self._walk.step(release, control)

    def promote(self, release: Release, control: Control, *, drain: bool = True) -> None:  # noqa: ARG002 - as the engine does
        self._walk.finish(release, control)

    def settle(self, serving: Release, previous: Release | None = None) -> None:  # noqa: ARG002 - the nodes keep what they ran
        self.local.settle(serving)
        for one in self.look():
            if one.service.held:
                self.cluster.change(Control(), *release_args(one.service, self.settings.pace))

    def stand_down(self, release: Release, control: Control) -> None:  # noqa: ARG002 - there is no way to do it
        raise StepFailed("a swarm starts the tasks of its services again", hint="`deploykit rollback` goes back.")

    # The checklist, and by hand.

    def findings(self, image: ImageRef, budget: float) -> Iterator[Finding]:
        found = [one.service for one in self.look()]
        yield from checks.findings(self.cluster, found, self.full_names(), budget, self.settings.pace.parallelism)
        yield from checks.of_image(self.engine, image, budget, self.offer)

    def exec_program(self, service: str, argv: Sequence[str], *, terminal: bool) -> Program:
        return byhand.exec_program(self.engine, self._of(service).living, service, argv, terminal=terminal)

    def shell_program(self, release: Release, argv: Sequence[str], *, terminal: bool) -> Program:  # noqa: ARG002 - the contract's
        raise ConfigError("a swarm has no task that serves nobody", hint="`deploykit exec` runs in one that serves.")

    def compose_program(self, release: Release, argv: Sequence[str]) -> Program:  # noqa: ARG002 - the contract's
        raise ConfigError("backend.type: this one is not run by Compose", hint="Use docker itself.")

    def logs_program(self, service: str | None, *, follow: bool, tail: int | None) -> Program:
        found = self._of(service or self.services[0]).service
        return byhand.logs_program(self.engine, found, follow=follow, tail=tail)

    def _of(self, service: str) -> Sight:
        found = next((one for one in self.look() if one.service.name == service), None)
        if found is None:
            raise ConfigError(f"there is no service {service!r}", hint=f"There is {', '.join(self.services)}.")
        return found

    # What they are made of.

    def _all_of(self, release: Release) -> list[Task]:
        """Return all tasks of a release that the swarm remembers."""
        return [task for one in self.look() for place in one.places for task in place.tasks if belongs(task, release)]

    def _instances(self, seen: Sequence[Sight], mine: Mine) -> tuple[Instance, ...]:
        return tuple(
            instance
            for one in seen
            for instance in self._completed(
                one, instances_of(one.places, mine, one.nodes, port=bool(one.service.host_ports))
            )
        )

    def _completed(self, sight: Sight, found: Sequence[Instance]) -> Sequence[Instance]:
        """Return instances, those that have died with what only their node knows, where that is the one that is asked.

        Which are here is asked first, however many have died: of a thousand most are elsewhere.
        """
        dead = {one.name for one in found if one.exit_code not in {None, 0} and one.status != "running"}
        if not dead:
            return found
        here = set(self.engine.ids({_OF_SERVICE: sight.service.full_name}))
        ended = {place.name: _ended_in(place) for place in sight.places if place.name in dead}
        asked = [container for container in ended.values() if container in here]
        known = {one.id: instance_of(one) for one in self.engine.inspect(asked)}
        return [_with(one, known.get(ended.get(one.name, ""))) for one in found]

    def _image(self, task: Task) -> ImageRef:
        image = ImageRef.parse(task.image)
        return self.local.find(image) or image


def _ended_in(place: Slot) -> str:
    """Return the container of the task that has failed last in a place; empty where none has."""
    return next((task.container for task in reversed(place.row()) if task.state == "failed"), "")


def _with(one: Instance, container: Instance | None) -> Instance:
    if container is None:
        return one
    told = {name: getattr(container, name) for name in ("oom_killed", "started_at", "finished_at")}
    return replace(one, **told)
