"""The `compose` backend: services of the user's own Compose project, replaced in place."""

import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from deploykit.backends.compose.project import (
    LABEL_FINGERPRINT,
    LABEL_IMAGE,
    LABEL_RELEASE,
    ComposeFiles,
    Dependency,
    Project,
    StoredProject,
    restore_project,
)
from deploykit.backends.engine.client import CHANGE_TIMEOUT, Engine
from deploykit.backends.engine.containers import environment_of, instance_of, label, name_of
from deploykit.backends.engine.images import Images
from deploykit.backends.engine.runner import Completed, TimedOut
from deploykit.backends.engine.watch import DockerWatch
from deploykit.errors import ConfigError, StepFailed
from deploykit.protocols import Control, Execution, Identity, PullPolicy, Watch
from deploykit.record import Kind
from deploykit.redact import Redactor
from deploykit.release import ImageRef, Instance, Release, Running, Snapshot
from deploykit.store import ReleaseFolders

if TYPE_CHECKING:
    from python_on_whales.components.container.models import ContainerInspectResult

HEAL_DEADLINE = 30.0
"""Seconds to get past the name conflicts that an interrupted recreate leaves."""
_HEAL_GAP = 0.5
_PROJECT = "com.docker.compose.project"
_SERVICE = "com.docker.compose.service"
_ONE_OFF = "com.docker.compose.oneoff"
# Compose names a container so between making it and taking the old one's name.
_HALF_MADE = re.compile(r"[0-9a-f]{12}_")
_CONFLICT = re.compile(
    r"is already in use by container|removal of container .* is already in progress|marked for removal"
)
_AS_IT_IS = ("--no-build", "--pull", "never")
_LOG_LIMIT = 64 * 1024
_DEPENDENCY_LOG = 20


@dataclass(kw_only=True)
class ComposeBackend:
    """Services of a Compose project that run the app's image.

    `files` and `services` are the user's; `image_env` and `tag_env` carry the plain image to their interpolation.
    `state` is the state folder, which has the files of releases. `pull_timeout` is in seconds.
    `judged_by_healthcheck` are the services that a `container` probe looks at.
    """

    name: str
    files: Sequence[Path]
    services: Sequence[str]
    state: Path = Path(".deploykit")
    image_env: str | None = None
    tag_env: str | None = None
    pull_timeout: float = 300.0
    host: str | None = None
    context: str | None = None
    judged_by_healthcheck: frozenset[str] = frozenset()
    _project: str | None = field(default=None, init=False)
    _started_at: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.releases = ReleaseFolders.of(self.state)
        self.engine = Engine(self.host, self.context)
        self.local = Images(self.engine, self.name, self.pull_timeout)
        self.today = ComposeFiles(self.engine, tuple(self.files), tuple(self.services), self.image_env, self.tag_env)

    # What it is, and what there is.

    def identity(self) -> Identity:
        with ThreadPoolExecutor(1) as pool:
            engine = pool.submit(self.engine.id)
            project = self._project_name()
        return Identity(engine.result(), project)

    def snapshot(self, image: ImageRef) -> Snapshot:
        return self.today.snapshot(image)

    def running(self) -> Running | None:
        containers = [one for one in self._containers() if not _HALF_MADE.match(name_of(one))]
        alive = [one for one in containers if instance_of(one).alive]
        main = next((one for service in self.services for one in alive if label(one, _SERVICE) == service), None)
        if main is None:
            return None
        release = label(main, LABEL_RELEASE)
        same = [one for one in containers if label(one, LABEL_RELEASE) == release and one.image == main.image]
        named = (main.config.image if main.config else None) or ""
        image = self.local.of_container(main.image or "", named, label(main, LABEL_IMAGE))
        return Running(image, self._instances(same), release, label(main, LABEL_FINGERPRINT))

    def instances(self, release: Release) -> Sequence[Instance]:
        return self._instances(one for one in self._containers() if _belongs(one, release))

    def others(self, release: Release) -> Sequence[Instance]:  # noqa: ARG002 - in place, none is left
        return ()

    def watch(self, release: Release) -> Watch:
        command = self.engine.events_command(
            self._started_at or time.time(), f"label={_PROJECT}={self._project_name()}"
        )
        return DockerWatch(
            command,
            lambda ids: self._instances(self._mine(ids, release)),
            lambda container, labels: self._service_by(container, labels, release),
        )

    def _service_by(self, container: str, labels: Mapping[str, str], release: Release) -> str | None:
        """Return the service of a container of the release, when its labels say that it is one.

        One that is not there any more was replaced: by the same release too, when that is deployed anew.
        """
        ours = (labels.get(LABEL_RELEASE), labels.get(LABEL_FINGERPRINT)) == (release.id, release.fingerprint)
        service = labels.get(_SERVICE) if ours and labels.get(_ONE_OFF) == "False" else None
        return service if service in self.services and container in self.engine.ids(self._scope) else None

    def logs(self, release: Release, tail: int) -> str:
        return self._logs_of((one for one in self._containers() if _belongs(one, release)), tail)

    def _logs_of(self, containers: Iterable["ContainerInspectResult"], tail: int) -> str:
        parts = []
        for container in containers:
            done = self.engine.docker("logs", "--tail", str(tail), container.id or "")
            redact = Redactor(environment_of(container))
            parts.append(self.engine.redact(redact.redact_bytes(done.output + done.errors)))
        return "\n".join(part.strip() for part in parts)[-_LOG_LIMIT:]

    def execute(self, instance: Instance, argv: Sequence[str], timeout: float) -> Execution:
        done = self.engine.execute(instance.id, argv, timeout)
        return Execution(done.code, self.redact((done.output + done.errors)[-_LOG_LIMIT:].decode(errors="replace")))

    def redact(self, text: str) -> str:
        return self.engine.redact(text)

    # Images.

    def find(self, image: ImageRef) -> ImageRef | None:
        return self.local.find(image)

    def pull(self, image: ImageRef, policy: PullPolicy, control: Control) -> ImageRef:
        return self.local.bring(image, policy, control)

    def keep(self, release: Release) -> None:
        self.local.keep(release)

    def settle(self, serving: Release) -> None:
        self.local.settle(serving)

    def demand(self, image: ImageRef) -> None:
        if not self.judged_by_healthcheck:
            return
        of_image, of_services = self.local.has_healthcheck(image), self.today.healthchecks(image)
        missing = [service for service in self.judged_by_healthcheck if not of_services.get(service, of_image)]
        if missing:
            msg = f"health.probe of type 'container': {image.name}, which runs {_list(missing)}, has no HEALTHCHECK"
            raise ConfigError(
                msg, hint="Give the image a HEALTHCHECK, the service a healthcheck, or use another probe."
            )

    def images(self) -> Sequence[ImageRef]:
        return self.local.kept()

    def complete(self, release: Release) -> bool:
        return self._runs(release, self._stored(release))

    # What changes something.

    def prepares(self, kind: Kind) -> bool:  # noqa: ARG002
        return False

    def prepare(self, release: Release, control: Control) -> None:
        pass

    def start(self, release: Release, control: Control, *, fresh: bool = False) -> None:
        project = self._stored(release)
        self._started_at = time.time()
        self._heal(control)
        if not fresh and self._runs(release, project):
            return
        self._start_dependencies(project, control)
        self._recreate(project, control, fresh=fresh)
        self._remove_unknown(project, control)

    def promote(self, release: Release, control: Control) -> None:
        pass

    def _recreate(self, project: StoredProject, control: Control, *, fresh: bool) -> None:
        args = ["up", "--detach", "--no-deps", *_AS_IT_IS]
        args += ["--force-recreate"] if fresh else []
        deadline = time.monotonic() + HEAL_DEADLINE
        while True:
            done = self._up(project, control, *args, *(one for one in self.services if one in project.services))
            clear = not self._heal(control)
            if done.code == 0 and clear:
                return
            conflict = _CONFLICT.search(done.errors.decode(errors="replace"))
            if (done.code != 0 and not conflict) or time.monotonic() > deadline:
                self.engine.expect(done, "docker compose up")
                raise StepFailed(f"containers of {_list(self.services)} do not get their names")
            time.sleep(_HEAL_GAP)

    def _remove_unknown(self, project: StoredProject, control: Control) -> None:
        """Remove what runs the image today, and is no service of an older release: it would be of no release."""
        for service in sorted(set(self.services) - project.services):
            for one in self._containers_of(service):
                self.engine.change(control, "stop", one.id or "")
                self.engine.change(control, "rm", "--force", one.id or "")

    def _start_dependencies(self, project: StoredProject, control: Control) -> None:
        """Start what the services depend on where there is none of it, or where it has stopped."""
        for dependency in project.dependencies:
            containers = self._containers_of(dependency.name)
            if not any(_serves(one, dependency) for one in containers):
                self._start_dependency(project, dependency, control)

    def _start_dependency(self, project: StoredProject, dependency: Dependency, control: Control) -> None:
        self._pull_dependency(project, dependency, control)
        how = ["--wait"] if not dependency.one_shot else []
        args = ("up", "--detach", "--no-deps", "--no-recreate", *_AS_IT_IS, *how, dependency.name)
        done = self._up(project, control, *args)
        # To `--wait`, what ends at once has failed, however well it ended.
        if not self._ended_well(dependency):
            self.engine.expect(done, f"docker compose up {dependency.name}")
        if dependency.one_shot:
            self._await_end(dependency, control)

    def _ended_well(self, dependency: Dependency) -> bool:
        containers = self._containers_of(dependency.name)
        return bool(containers) and all(map(_ended_well, containers))

    def _await_end(self, dependency: Dependency, control: Control) -> None:
        containers = self._containers_of(dependency.name)
        ids = [one.id for one in containers if one.id]
        done = self.engine.docker("wait", *ids, timeout=CHANGE_TIMEOUT, changes=True, control=control)
        codes = set(self.engine.expect(done, "docker wait").text.split())
        if codes != {"0"}:
            msg = f"{dependency.name}, which comes before, exited with {_list(codes)}"
            raise StepFailed(msg, detail=self._logs_of(containers, _DEPENDENCY_LOG))

    def _pull_dependency(self, project: StoredProject, dependency: Dependency, control: Control) -> None:
        """Bring its image where there is none: what changes containers holds the lock, so it never pulls."""
        args = ("pull", "--quiet", "--ignore-buildable", "--policy", "missing", dependency.name)
        try:
            done = self.engine.compose_within(
                self.pull_timeout, project.scope, *args, variables=project.variables, control=control
            )
        except TimedOut as error:
            msg = f"the image of {dependency.name} did not come within {self.pull_timeout:g}s"
            raise StepFailed(
                msg, hint=f"Is its registry reachable? `docker compose pull {dependency.name}` tries again."
            ) from error
        self.engine.expect(done, f"docker compose pull {dependency.name}")

    def _up(self, project: StoredProject, control: Control, *args: str) -> Completed:
        return self.engine.compose(
            project.scope, *args, variables=project.variables, timeout=CHANGE_TIMEOUT, changes=True, control=control
        )

    def _heal(self, control: Control) -> bool:
        """Remove, or name rightly, what an interrupted recreate left. Tells whether there was anything."""
        if not any(map(_HALF_MADE.match, self.engine.names(self._scope))):
            return False
        containers = self._containers()
        half_made = [one for one in containers if _HALF_MADE.match(name_of(one)) and one.id]
        taken = {name_of(one) for one in containers}
        for one in half_made:
            right = _HALF_MADE.sub("", name_of(one), count=1)
            if instance_of(one).status == "running" and right not in taken:
                self.engine.change(control, "rename", one.id or "", right)
            else:
                self.engine.change(control, "rm", "--force", one.id or "")
        return bool(half_made)

    # What they are made of.

    def _runs(self, release: Release, project: StoredProject) -> bool:
        """Whether every container of the services runs this release already, and none is missing."""
        containers = self._containers()
        served = Counter(label(one, _SERVICE) for one in containers)
        alive = all(_belongs(one, release) and instance_of(one).status == "running" for one in containers)
        wanted = {service: number for service, number in project.pinned.items() if service in self.services}
        return alive and served.keys() <= wanted.keys() and all(served[one] >= wanted[one] for one in wanted)

    def _stored(self, release: Release) -> StoredProject:
        snapshot = self.releases.read(release.id)
        scratch = self.state / "compose" / release.id
        variables = self.today.image_variables(release.image)
        stored = self.releases.folder(release.id)
        return restore_project(release, self.name, snapshot, stored, scratch, variables)

    def _project_name(self) -> str:
        if self._project is None:
            try:
                self._project = self.today.project_name()
            except ConfigError:
                # A compose file that is broken today must not stand in the way of going back.
                self._project = self._stored_project_name()
                if self._project is None:
                    raise
        return self._project

    def _stored_project_name(self) -> str | None:
        newest = self.releases.newest()
        return Project.from_json(self.releases.read(newest).files["project.json"]).name if newest else None

    @property
    def _scope(self) -> Mapping[str, str]:
        return {_PROJECT: self._project_name(), _ONE_OFF: "False"}

    def _containers(self) -> list["ContainerInspectResult"]:
        found = self.engine.containers(self._scope)
        return [one for one in found if label(one, _SERVICE) in self.services]

    def _containers_of(self, service: str) -> list["ContainerInspectResult"]:
        return self.engine.containers({**self._scope, _SERVICE: service})

    def _mine(self, ids: Sequence[str], release: Release) -> list["ContainerInspectResult"]:
        found = self.engine.inspect(ids)
        return [one for one in found if label(one, _SERVICE) in self.services and _belongs(one, release)]

    def _instances(self, containers: Iterable["ContainerInspectResult"]) -> tuple[Instance, ...]:
        order = {service: place for place, service in enumerate(self.services)}
        found = [instance_of(one, label(one, _SERVICE) or "", label(one, LABEL_RELEASE)) for one in containers]
        return tuple(sorted(found, key=lambda one: (order.get(one.service, len(order)), one.name)))


def _belongs(container: "ContainerInspectResult", release: Release) -> bool:
    """Whether a container runs the release: by our labels; without them, by the image alone."""
    named = label(container, LABEL_RELEASE)
    if named is None:
        return container.image == release.image.id
    return (named, label(container, LABEL_FINGERPRINT)) == (release.id, release.fingerprint)


def _serves(container: "ContainerInspectResult", dependency: Dependency) -> bool:
    return _ended_well(container) if dependency.one_shot else instance_of(container).alive


def _ended_well(container: "ContainerInspectResult") -> bool:
    instance = instance_of(container)
    return instance.status == "exited" and instance.exit_code == 0


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
