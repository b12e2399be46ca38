"""What every backend on a Docker engine does the same way; `compose` and `docker` are written as what differs."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from deploykit.backends.engine import checks, labels
from deploykit.backends.engine.client import Engine
from deploykit.backends.engine.containers import (
    Container,
    environment_of,
    instance_of,
    label,
    labels_of,
    name_of,
)
from deploykit.backends.engine.images import Images
from deploykit.backends.engine.labels import belongs
from deploykit.backends.engine.oneoff import ContainerRehearsal, OneOffs
from deploykit.backends.engine.settings import Rollout
from deploykit.backends.engine.stock import Stock
from deploykit.backends.engine.watch import DockerWatch
from deploykit.errors import ConfigError, StepFailed
from deploykit.protocols import (
    Control,
    Execution,
    Finding,
    Program,
    Rehearsal,
    Shelf,
    Standing,
    Watch,
)
from deploykit.redact import Redactor
from deploykit.release import ImageRef, Instance, Release, Running
from deploykit.store import ReleaseFolders

_LOG_LIMIT = 1024 * 1024
_OUTPUT_LIMIT = 64 * 1024
_PRE_STOP = 10.0
"""Seconds that `pre_stop` may take, or `drain` when that is longer: what hangs must not keep an old release."""


@dataclass(kw_only=True)
class EngineBackend(Stock, ABC):
    """Instances are containers, found again by their labels.

    `services` run the app's image; the first is the main one. `state` is the state folder, which has the files of
    releases. `pull_timeout` is in seconds. `judged_by_healthcheck` are the services that a `container` probe looks at.
    """

    name: str
    services: Sequence[str]
    state: Path = Path(".deploykit")
    pull_timeout: float = 300.0
    host: str | None = None
    context: str | None = None
    rollout: Rollout = field(default_factory=Rollout)
    judged_by_healthcheck: frozenset[str] = frozenset()
    _started_at: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.releases: ReleaseFolders = ReleaseFolders.of(self.state)
        self.engine: Engine = Engine(self.host, self.context)
        self.local: Images = Images(self.engine, self.name, self.pull_timeout)

    # What differs.

    @property
    @abstractmethod
    def scope(self) -> Mapping[str, str]:
        """The labels that all of the app's containers have, one-offs too."""

    @abstractmethod
    def containers(self) -> list[Container]:
        """Return the containers of the services, in whatever state, without one-offs."""

    @abstractmethod
    def service_by(self, name: str, marks: Mapping[str, str]) -> str | None:
        """Return the service that a container of this name, with these labels, is an instance of; None for another."""

    @abstractmethod
    def run_one_off(self, release: Release, argv: Sequence[str], marks: Mapping[str, str], control: Control) -> str:
        """Start a container of the main service that serves nobody, with these labels, and return its id."""

    @abstractmethod
    def published(self, release: Release) -> Mapping[int, int]:
        """Return the ports of this machine at which the main service is reached, each with the container's own."""

    @abstractmethod
    def strategy_told(self, image: ImageRef) -> str:
        """Tell how a release replaces another, what that costs, and what rolling needs, or what stands against it."""

    @abstractmethod
    def healthchecks(self, image: ImageRef) -> Mapping[str, bool]:
        """Return whether a service has a healthcheck, for those of which today's settings say so themselves."""

    def shelf(self, name: str) -> Shelf:
        # Late: few keep anything with their engine, and HTTP costs all of them a start.
        from deploykit.backends.engine.volumes import VolumeShelf
        from deploykit.backends.engine.wire import Wire

        return VolumeShelf(name, Wire(self.engine))

    # What runs.

    def running(self) -> Running | None:
        return self.running_of(self.containers())

    def running_of(self, containers: Sequence[Container]) -> Running | None:
        """Tell what runs by these containers: while older instances are left, the newest are what was brought last."""
        alive = [one for one in containers if instance_of(one).alive]
        if not alive:
            return None
        main = max(alive, key=lambda one: (-self._place(one), instance_of(one).created_at or 0))
        image = self.local.of_container(main.image, main.image_name, label(main, labels.IMAGE))
        same = [one for one in containers if _alike(one, main)]
        return Running(image, self._instances(same), label(main, labels.RELEASE), label(main, labels.FINGERPRINT))

    def instances(self, release: Release) -> Sequence[Instance]:
        return self._instances(one for one in self.containers() if belongs(one, release))

    def others(self, release: Release) -> Sequence[Instance]:
        return [one for one in self._instances(self.containers_of_others(release)) if one.alive]

    def watch(self, release: Release) -> Watch:
        filters = [f"label={name}={value}" for name, value in self.scope.items()]
        command = self.engine.events_command(self._started_at or time.time(), *filters)
        return DockerWatch(
            command,
            lambda ids: self._instances(self._mine(ids, release)),
            lambda container, attributes: self._recognise(container, attributes, release),
        )

    def logs(self, release: Release, tail: int) -> str:
        return self.logs_of((one for one in self.containers() if belongs(one, release)), tail)

    def logs_of(self, containers: Iterable[Container], tail: int) -> str:
        """Return the last lines of containers, redacted."""
        return "\n".join(self._log(one, tail).strip() for one in containers)[-_LOG_LIMIT:]

    def execute(self, instance: Instance, argv: Sequence[str], timeout: float) -> Execution:
        done = self.engine.execute(instance.id, argv, timeout)
        said = self.redact((done.output + done.errors).decode(errors="replace"))
        return Execution(done.code, said.encode()[-_OUTPUT_LIMIT:].decode(errors="ignore"))

    def redact(self, text: str) -> str:
        return self.engine.redact(text)

    # Images.

    def demand(self, image: ImageRef) -> None:
        if not self.judged_by_healthcheck:
            return
        of_image, of_services = self.local.has_healthcheck(image), self.healthchecks(image)
        missing = [service for service in self.judged_by_healthcheck if not of_services.get(service, of_image)]
        if missing:
            named = ", ".join(sorted(missing))
            msg = f"health.probe of type 'container': {image.name}, which runs {named}, has no HEALTHCHECK"
            raise ConfigError(
                msg, hint="Give the image a HEALTHCHECK, the service a healthcheck, or use another probe."
            )

    def discard(self, release: Release, kept: Sequence[Release], control: Control) -> bool:
        dead = [one.id for one in self.containers() if belongs(one, release) and not instance_of(one).alive]
        self.remove(dead, control)
        return self.local.discard(release, kept) or bool(dead)

    # What comes before anything is replaced.

    @property
    def beside(self) -> bool:
        return self.rollout.rolling

    def has_release_command(self) -> bool:
        return bool(self.rollout.release_command)

    def run_release_command(self, release: Release, control: Control) -> None:
        self._one_offs.command(
            lambda: self.run_one_off(
                release, self.rollout.release_command, self._marks(labels.COMMAND, control), control
            ),
            self.rollout.release_timeout,
            control,
        )

    def rehearse(self, release: Release, control: Control) -> Rehearsal:
        self._one_offs.clear_rehearsals()
        started_at = time.time()
        container = self.run_one_off(release, (), self._marks(labels.REHEARSAL, control), control)
        return ContainerRehearsal(self, container, self.published(release), started_at)

    # What changes something.

    def settle(self, serving: Release, previous: Release | None = None) -> None:
        self.local.settle(serving)
        self._one_offs.clear_rehearsals()
        dead = (one for one in self.containers_of_others(serving) if not instance_of(one).alive)
        self.remove([one.id for one in dead if not self.keeps(one, previous)], Control())

    def keeps(self, container: Container, previous: Release | None) -> bool:  # noqa: ARG002 - what differs may need it
        """Whether a container that has exited is kept for going back to `previous`."""
        return False

    def stand_down(self, release: Release, control: Control) -> None:
        ids = [one.id for one in self.containers() if belongs(one, release)]
        self.stop_for_good(ids, control)

    def retire(self, containers: Sequence[Container], control: Control, *, drain: bool) -> None:
        """Stop containers and remove them; with `drain`, only when nobody is led to them any more."""
        ids = [one.id for one in containers]
        if not ids:
            return
        if drain:
            self._drain([one for one in containers if instance_of(one).status == "running"], control)
        self.engine.change(control, "stop", *ids)
        self.remove(ids, control)

    def stop_for_good(self, ids: Sequence[str], control: Control) -> None:
        """Stop containers so that no reboot starts them again."""
        if not ids:
            return
        forbid = ("update", "--restart", "no", *ids)
        try:
            self.engine.change(control, *forbid)
        except StepFailed:
            # One that crashes again and again is, for a moment, neither running nor stopped for the engine.
            self.engine.change(control, "stop", *ids)
            self.engine.change(control, *forbid)
        self.engine.change(control, "stop", *ids)

    def remove(self, ids: Sequence[str], control: Control) -> None:
        """Remove containers, and the volumes that only they know of."""
        if ids:
            self.engine.change(control, "rm", "--force", "--volumes", *ids)

    def service_of(self, container: Container) -> str | None:
        """Return the service that a container is an instance of, None when it is none of the app's."""
        return self.service_by(name_of(container), labels_of(container))

    def containers_of_others(self, release: Release) -> list[Container]:
        """Return the containers of other releases, in whatever state."""
        return [one for one in self.containers() if not belongs(one, release)]

    # The checklist.

    def findings(self, image: ImageRef, budget: float) -> Iterator[Finding]:
        yield from checks.engine_version(self.engine)
        yield from checks.image_in_registry(self.engine, image, self.offer)
        yield from checks.patience(self.engine, image, budget)
        yield Finding("strategy", Standing.ok, self.strategy_told(image))

    # By hand.

    @abstractmethod
    def shell_program(self, release: Release, argv: Sequence[str], *, terminal: bool) -> Program:
        """Return what runs a command in a one-off of the main service."""

    def exec_program(self, service: str, argv: Sequence[str], *, terminal: bool) -> Program:
        return self.engine.program("exec", *attached(terminal=terminal), self._living(service).id, *argv)

    def compose_program(self, release: Release, argv: Sequence[str]) -> Program:  # noqa: ARG002 - the contract's
        raise ConfigError("backend.type: this one is not run by Compose", hint="Use docker itself.")

    def logs_program(self, service: str | None, *, follow: bool, tail: int | None) -> Program:
        container = self._living(service or self.services[0], dead=True)
        return self.engine.program("logs", *log_options(follow=follow, tail=tail), container.id)

    def _living(self, service: str, *, dead: bool = False) -> Container:
        """Return the newest container of a service that lives, or, where none does and that will do, that is dead."""
        if service not in self.services:
            msg = f"there is no service {service!r}"
            raise ConfigError(msg, hint=f"There is {', '.join(self.services)}.")
        found = [one for one in self.containers() if self.service_of(one) == service]
        living = [one for one in found if instance_of(one).alive] or (found if dead else [])
        if not living:
            raise ConfigError(f"no container of {service} runs", hint="`deploykit status` shows what there is.")
        return max(living, key=lambda one: instance_of(one).created_at or 0)

    # What they are made of.

    @property
    def _one_offs(self) -> OneOffs:
        return OneOffs(self.engine, {**self.scope, labels.APP: self.name})

    def _marks(self, role: str, control: Control) -> dict[str, str]:
        return {labels.ROLE: role, labels.DEPLOYMENT: control.deployment}

    def _drain(self, containers: Sequence[Container], control: Control) -> None:
        if self.rollout.pre_stop and containers:
            with ThreadPoolExecutor(len(containers)) as pool:
                for problem in filter(None, pool.map(self._prepare_to_stop, containers)):
                    control.progress(problem)
        time.sleep(self.rollout.drain)

    def _prepare_to_stop(self, container: Container) -> str:
        """Run `pre_stop` in it; return what went wrong, which is no reason to keep an old release."""
        try:
            done = self.engine.execute(container.id, self.rollout.pre_stop, max(self.rollout.drain, _PRE_STOP))
        except StepFailed as error:
            return f"pre_stop in {name_of(container)}: {error}"
        return f"pre_stop in {name_of(container)} exited with {done.code}" if done.code else ""

    def _place(self, container: Container) -> int:
        service = self.service_of(container)
        return self.services.index(service) if service in self.services else len(self.services)

    def _recognise(self, container: str, attributes: Mapping[str, str], release: Release) -> str | None:
        """Return the service of a container of the release, when its labels say that it is one.

        One that is not there any more was replaced: by the same release too, when that is deployed anew.
        """
        named = (attributes.get(labels.RELEASE), attributes.get(labels.FINGERPRINT))
        if named != (release.id, release.fingerprint):
            return None
        service = self.service_by(attributes.get("name", ""), attributes)
        return service if service and container in self.engine.ids(self.scope) else None

    def _mine(self, ids: Sequence[str], release: Release) -> list[Container]:
        return [one for one in self.engine.inspect(ids) if self.service_of(one) and belongs(one, release)]

    def _instances(self, containers: Iterable[Container]) -> tuple[Instance, ...]:
        chosen = sorted(containers, key=lambda one: (self._place(one), name_of(one)))
        return tuple(instance_of(one, self.service_of(one) or "", label(one, labels.RELEASE)) for one in chosen)

    def _log(self, container: Container, tail: int) -> str:
        done = self.engine.docker("logs", "--tail", str(tail), container.id)
        redact = Redactor(environment_of(container))
        return self.engine.redact(redact.redact_bytes(done.output + done.errors))


def attached(*, terminal: bool) -> list[str]:
    """Return the options of docker for a command that somebody, or a pipe, talks to."""
    return ["--interactive", *(["--tty"] if terminal else [])]


def log_options(*, follow: bool, tail: int | None) -> list[str]:
    """Return the options of docker for a log."""
    return [*(["--follow"] if follow else []), *(["--tail", str(tail)] if tail is not None else [])]


def _alike(one: Container, other: Container) -> bool:
    return one.image == other.image and label(one, labels.RELEASE) == label(other, labels.RELEASE)
