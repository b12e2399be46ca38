"""The `swarm` backend: services of a swarm, replaced by the engine's own update, one batch at a time."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from deploykit.backends.engine import labels
from deploykit.backends.engine.client import Engine
from deploykit.backends.engine.images import Images
from deploykit.backends.engine.stock import Stock
from deploykit.backends.swarm import byhand, checks, here
from deploykit.backends.swarm.cluster import Cluster
from deploykit.backends.swarm.service import Service, marks_of, release_args
from deploykit.backends.swarm.settings import SwarmSettings
from deploykit.backends.swarm.tasks import Mine, Nodes, Task, alike, belongs, instances_of, others, slots
from deploykit.backends.swarm.walk import Sight, Walk
from deploykit.backends.swarm.watch import TaskWatch
from deploykit.errors import ConfigError, PullFailed, StepFailed
from deploykit.protocols import (
    Control,
    Execution,
    Finding,
    Identity,
    Program,
    PullPolicy,
    Rehearsal,
    Shelf,
    Watch,
)
from deploykit.release import ImageRef, Instance, Release, Running, Snapshot
from deploykit.store import ReleaseFolders

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

    def shelf(self, name: str) -> Shelf:
        # Late: few keep anything with their engine, and HTTP costs all of them a start.
        from deploykit.backends.engine.wire import Wire
        from deploykit.backends.swarm.configs import ConfigShelf

        return ConfigShelf(name, Wire(self.engine))

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
        image = here.image_of(main, [task for _, task in living], self.engine, self.local)
        return Running(image, instances, written.get(labels.RELEASE), written.get(labels.FINGERPRINT))

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
        lines = "\n".join(filter(None, texts)).splitlines()[-tail:]
        return self.redact("\n".join(lines)[-_LOG_LIMIT:])

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

    def pull(self, image: ImageRef, policy: PullPolicy, control: Control) -> ImageRef:
        """What tasks were made of can be gone back to though it cannot come here: the nodes have it."""
        try:
            return super().pull(image, policy, control)
        except PullFailed:
            if policy is PullPolicy.missing and image.digest and self._is_on_nodes(image.digest):
                return image
            raise

    def _is_on_nodes(self, digest: str) -> bool:
        return any(task.image.endswith(digest) for one in self.look() for place in one.places for task in place.tasks)

    def discard(self, release: Release, kept: Sequence[Release], control: Control) -> bool:
        left = here.ended(self._all_of(release), self.engine)
        if left:
            self.engine.change(control, "rm", "--volumes", *left)
        return self.local.discard(release, kept) or bool(left)

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
            for instance in here.completed(
                instances_of(one.places, mine, one.nodes, port=bool(one.service.host_ports)), one, self.engine
            )
        )
