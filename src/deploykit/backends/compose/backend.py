"""The `compose` backend: services of the user's own Compose project, replaced in place, or beside what serves."""

import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploykit.backends.compose.project import (
    PROJECT,
    ComposeFiles,
    Dependency,
    Project,
    StoredProject,
    published_ports,
    restore_project,
)
from deploykit.backends.engine import checks, labels
from deploykit.backends.engine.backend import EngineBackend, attached, log_options
from deploykit.backends.engine.client import CHANGE_TIMEOUT
from deploykit.backends.engine.containers import Container, instance_of, label, name_of
from deploykit.backends.engine.labels import belongs
from deploykit.backends.engine.runner import Completed, TimedOut
from deploykit.clock import in_thread
from deploykit.errors import ConfigError, StepFailed
from deploykit.protocols import Control, Finding, Identity, Program
from deploykit.release import ImageRef, Release, Running, Snapshot

HEAL_DEADLINE = 30.0
"""Seconds to get past the name conflicts that an interrupted recreate leaves."""
_HEAL_GAP = 0.5
_OF_PROJECT = "com.docker.compose.project"
_SERVICE = "com.docker.compose.service"
_ONE_OFF = "com.docker.compose.oneoff"
# Compose names a container so between making it and taking the old one's name.
_HALF_MADE = re.compile(r"[0-9a-f]{12}_")
_CONFLICT = re.compile(
    r"is already in use by container|removal of container .* is already in progress|marked for removal"
)
_AS_IT_IS = ("--no-build", "--pull", "never")
_DEPENDENCY_LOG = 20


@dataclass(kw_only=True)
class ComposeBackend(EngineBackend):
    """Services of a Compose project that run the app's image.

    `files` and `services` are the user's; `image_env` and `tag_env` carry the plain image to their interpolation.
    `project` is its name; None for the one that Compose resolves for the files.
    """

    files: Sequence[Path]
    image_env: str | None = None
    tag_env: str | None = None
    project: str | None = None
    _project: str | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.today: ComposeFiles = ComposeFiles(
            self.engine,
            tuple(self.files),
            tuple(self.services),
            self.image_env,
            self.tag_env,
            self._rolling,
            self.project,
        )

    # What it is, and what there is.

    def identity(self) -> Identity:
        self.today.read_ahead()
        engine, naming = in_thread(self.engine.id), in_thread(self._project_name)
        self.engine.make_ready()
        project = naming.result()
        return Identity(engine.result(), project)

    def snapshot(self, image: ImageRef) -> Snapshot:
        return self.today.snapshot(image)

    def running(self) -> Running | None:
        return self.running_of([one for one in self.containers() if not _HALF_MADE.match(name_of(one))])

    def complete(self, release: Release) -> bool:
        return self._runs(release, self._stored(release))

    @property
    def scope(self) -> Mapping[str, str]:
        return {_OF_PROJECT: self._project_name()}

    def containers(self) -> list[Container]:
        return [one for one in self.engine.containers(self._long_running) if self.service_of(one)]

    def service_by(self, name: str, marks: Mapping[str, str]) -> str | None:  # noqa: ARG002 - by labels alone
        service = marks.get(_SERVICE) if marks.get(_ONE_OFF) != "True" else None
        return service if service in self.services else None

    def healthchecks(self, image: ImageRef) -> Mapping[str, bool]:
        return self.today.healthchecks(image)

    # What comes before anything is replaced.

    def run_one_off(self, release: Release, argv: Sequence[str], marks: Mapping[str, str], control: Control) -> str:
        project = self._stored(release)
        self._start_dependencies(project, control)
        marked = [arg for name, value in marks.items() for arg in ("--label", f"{name}={value}")]
        args = ("run", "--detach", "--no-deps", "--no-TTY", *marked, self.services[0], *argv)
        return self.engine.expect(self._up(project, control, *args), "docker compose run").text.split()[-1]

    def published(self, release: Release) -> Mapping[int, int]:
        project = self._stored(release)
        args = ("config", "--format", "json", self.services[0])
        done = self.engine.compose(project.scope, *args, variables=project.variables)
        return published_ports(self.engine.expect(done, "docker compose config").output, self.services[0])

    # What changes something.

    def start(self, release: Release, control: Control) -> bool:
        project = self._stored(release)
        self._started_at = time.time()
        self._heal(control)
        if self.rollout.rolling:
            return self._roll(release, project, control)
        if not self._runs(release, project):
            self._start_dependencies(project, control)
            self._recreate(project, control, self.services)
            self._remove_unknown(project, control)
        return True

    def promote(self, release: Release, control: Control, *, drain: bool = True) -> None:
        self.retire(self.containers_of_others(release), control, drain=drain)

    # In place.

    def _recreate(self, project: StoredProject, control: Control, services: Iterable[str]) -> None:
        args = ["up", "--detach", "--no-deps", *_AS_IT_IS]
        deadline = time.monotonic() + HEAL_DEADLINE
        while True:
            done = self._up(project, control, *args, *(one for one in services if one in project.services))
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
            self.retire(self._containers_of(service), control, drain=False)

    # Beside what serves.

    @property
    def _rolling(self) -> tuple[str, ...]:
        """The services that roll."""
        chosen = self.services if self.rollout.rolling else ()
        return tuple(one for one in chosen if one not in self.rollout.recreate_services)

    def _roll(self, release: Release, project: StoredProject, control: Control) -> bool:
        """Start what is missing, as many at once as may be; when all stand and are healthy, what cannot roll."""
        in_place = [one for one in self.services if one in self.rollout.recreate_services]
        missing = self._missing(release, project)
        if missing:
            self._clear_dead(release, control)
            self._start_dependencies(project, control)
            self._scale(release, project, control, missing)
            return not in_place and not self._missing(release, project)
        if in_place and not self._runs(release, project, in_place):
            self._recreate(project, control, in_place)
        return True

    def _clear_dead(self, release: Release, control: Control) -> None:
        """Remove what does not live: Compose would count it, and start it again, whatever release it is of.

        What an interrupted start has made of this release, but not started, is left to Compose.
        """
        dead = [
            one
            for one in self.containers()
            if self.service_of(one) in self._rolling and not instance_of(one).alive and not _is_made(one, release)
        ]
        self.remove([one.id for one in dead], control)

    def _missing(self, release: Release, project: StoredProject) -> dict[str, int]:
        """Return how many containers each service is to have of the release next, where that is more than it has."""
        missing = {}
        for service in self._rolling:
            if service not in project.services:
                continue
            containers = [one for one in self.containers() if self.service_of(one) == service]
            there = sum(belongs(one, release) and instance_of(one).status == "running" for one in containers)
            wanted = project.pinned.get(service) or _most_of_one(containers)
            if there < wanted:
                missing[service] = self.rollout.batch(there, wanted)
        return missing

    def _scale(self, release: Release, project: StoredProject, control: Control, numbers: Mapping[str, int]) -> None:
        """Have so many containers of the release beside the others, which are left alone."""
        others = Counter(self.service_of(one) for one in self.containers_of_others(release))
        scales = [f"--scale={service}={others[service] + number}" for service, number in numbers.items()]
        args = ("up", "--detach", "--no-deps", "--no-recreate", *_AS_IT_IS, *scales, *numbers)
        self.engine.expect(self._up(project, control, *args), "docker compose up")

    # What comes before: dependencies, and what was left half-way.

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
            raise StepFailed(msg, detail=self.logs_of(containers, _DEPENDENCY_LOG))

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
        if not any(map(_HALF_MADE.match, self.engine.names(self._long_running))):
            return False
        containers = self.containers()
        half_made = [one for one in containers if _HALF_MADE.match(name_of(one)) and one.id]
        taken = {name_of(one) for one in containers}
        for one in half_made:
            right = _HALF_MADE.sub("", name_of(one), count=1)
            if instance_of(one).status == "running" and right not in taken:
                self.engine.change(control, "rename", one.id, right)
            else:
                self.engine.change(control, "rm", "--force", one.id)
        return bool(half_made)

    # By hand.

    def exec_program(self, service: str, argv: Sequence[str], *, terminal: bool) -> Program:
        """Also in a service that deploykit does not deploy, such as the database."""
        if service in self.services:
            return super().exec_program(service, argv, terminal=terminal)
        found = [one for one in self._containers_of(service) if instance_of(one).alive]
        if not found:
            raise ConfigError(f"no container of {service} runs", hint="`deploykit compose -- ps` shows what does.")
        return self.engine.program("exec", *attached(terminal=terminal), found[0].id, *argv)

    def findings(self, image: ImageRef, budget: float) -> Iterator[Finding]:
        yield from checks.compose_version(self.engine)
        yield from super().findings(image, budget)

    def strategy_told(self, image: ImageRef) -> str:
        if self.rollout.rolling:
            why = "Docker's DNS names a new instance at once, so the proxy must check its health before first use"
            return f"rolling, without a gap: {_list(self._rolling)}; {why} (docs/how-to/rolling.md)"
        if obstacle := self.today.obstacle_to_rolling(image):
            return f"in place, with a short gap; it cannot roll: {obstacle}"
        needed = "behind a proxy that checks health before first use (docs/how-to/rolling.md)"
        return f"in place, with a short gap; it can roll, {needed}"

    def shell_program(self, release: Release, argv: Sequence[str], *, terminal: bool) -> Program:
        project = self._stored(release)
        how = ["--rm", "--no-deps", *([] if terminal else ["--no-TTY"]), f"--entrypoint={argv[0]}"]
        args = ("run", *how, self.services[0], *argv[1:])
        return self.engine.compose_program(project.scope, *args, variables=project.variables)

    def compose_program(self, release: Release, argv: Sequence[str]) -> Program:
        project = self._stored(release)
        return self.engine.compose_program(project.scope, *argv, variables=project.variables)

    def logs_program(self, service: str | None, *, follow: bool, tail: int | None) -> Program:
        chosen = [service] if service else list(self.services)
        options = log_options(follow=follow, tail=tail)
        return self.engine.program("compose", "--project-name", self._project_name(), "logs", *options, *chosen)

    # What they are made of.

    def _runs(self, release: Release, project: StoredProject, services: Sequence[str] | None = None) -> bool:
        """Whether every container of the services runs this release already, and none is missing."""
        chosen = self.services if services is None else services
        containers = [one for one in self.containers() if self.service_of(one) in chosen]
        served = Counter(self.service_of(one) for one in containers)
        alive = all(belongs(one, release) and instance_of(one).status == "running" for one in containers)
        wanted = {service: project.pinned[service] or 1 for service in chosen if service in project.pinned}
        return alive and served.keys() <= wanted.keys() and all(served[one] >= wanted[one] for one in wanted)

    def _stored(self, release: Release) -> StoredProject:
        snapshot = self.releases.read(release.id)
        if PROJECT not in snapshot.files:
            msg = f"{release.image.name} ({release.id}) was not run by Compose: it was kept without a compose file"
            raise StepFailed(msg, hint="Go back with --files current, which takes today's.")
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
        kept = self.releases.read(newest).files.get(PROJECT) if newest else None
        return Project.from_json(kept).name if kept else None

    @property
    def _long_running(self) -> Mapping[str, str]:
        return {**self.scope, _ONE_OFF: "False"}

    def _containers_of(self, service: str) -> list[Container]:
        return self.engine.containers({**self._long_running, _SERVICE: service})


def _is_made(container: Container, release: Release) -> bool:
    return belongs(container, release) and instance_of(container).status == "created"


def _most_of_one(containers: Iterable[Container]) -> int:
    """Return how many containers the release has that has most of them: what nobody has configured is kept."""
    living = [one for one in containers if instance_of(one).alive]
    return max(Counter(label(one, labels.RELEASE) for one in living).values(), default=1)


def _serves(container: Container, dependency: Dependency) -> bool:
    return _ended_well(container) if dependency.one_shot else instance_of(container).alive


def _ended_well(container: Container) -> bool:
    instance = instance_of(container)
    return instance.status == "exited" and instance.exit_code == 0


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
