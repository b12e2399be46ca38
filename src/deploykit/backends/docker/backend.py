"""The `docker` backend: containers of deploykit's own making, on a plain engine."""

import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from deploykit.backends.docker.adopted import Policies
from deploykit.backends.docker.create import Recipe, create_args, variables_of_lines
from deploykit.backends.docker.settings import BUILT_IN_NETWORKS, CONTAINER, ContainerSettings
from deploykit.backends.engine import labels
from deploykit.backends.engine.backend import EngineBackend, attached
from deploykit.backends.engine.containers import (
    NEVER,
    Container,
    aliases_of,
    instance_of,
    label,
    restart_policy_of,
)
from deploykit.backends.engine.labels import belongs, labels_for
from deploykit.errors import ConfigError
from deploykit.protocols import Control, Identity, Program
from deploykit.redact import Redactor
from deploykit.release import ImageRef, Release, Snapshot


@dataclass(kw_only=True)
class DockerBackend(EngineBackend):
    """Containers named `APP-RELEASE-N`, found by their labels.

    In place, what served before is kept, stopped: going back is a start. `adopt` names a container that deploykit has
    not made. Without networks of its own choice, the app gets one, with its own name, and goes by that name there.
    """

    services: Sequence[str] = ("app",)
    settings: ContainerSettings = field(default_factory=ContainerSettings)
    adopt: str | None = None

    # What it is, and what there is.

    def identity(self) -> Identity:
        return Identity(self.engine.id(), self.name)

    def snapshot(self, image: ImageRef) -> Snapshot:  # noqa: ARG002 - the settings are those of every image
        return self.settings.snapshot(self.engine.environment)

    def complete(self, release: Release) -> bool:
        settings = self._settings_of(release)
        living = [one for one in self.containers() if instance_of(one).alive]
        running = [one for one in living if instance_of(one).status == "running" and belongs(one, release)]
        hidden = self.rollout.rolling and any(any(self._missing_aliases(one, settings)) for one in running)
        return len(running) == len(living) == settings.replicas and not hidden

    @property
    def scope(self) -> Mapping[str, str]:
        # An adopted container has no label of ours, and is to be watched too.
        return {} if self.adopt else {labels.APP: self.name}

    def containers(self) -> list[Container]:
        ours = self.engine.containers({labels.APP: self.name})
        known = {one.id for one in ours}
        found = self.engine.inspect([self.adopt]) if self.adopt else []
        return [one for one in (*ours, *(one for one in found if one.id not in known)) if self.service_of(one)]

    def service_by(self, name: str, marks: Mapping[str, str]) -> str | None:
        if labels.APP in marks:
            ours = marks[labels.APP] == self.name and labels.ROLE not in marks
            return self.services[0] if ours else None
        return self.services[0] if self.adopt and name == self.adopt else None

    def healthchecks(self, image: ImageRef) -> Mapping[str, bool]:  # noqa: ARG002 - the settings are those of every image
        check = self.settings.healthcheck
        return {self.services[0]: not check.disable} if check and (check.disable or check.test) else {}

    def demand(self, image: ImageRef) -> None:
        super().demand(image)
        there = self.engine.networks()
        for network in self.settings.networks:
            if network not in there:
                msg = f"backend.networks: there is no network {network!r}"
                raise ConfigError(msg, hint=f"Make it: `docker network create {network}`.")

    def redact(self, text: str) -> str:
        return self._redact_own(super().redact(text))

    @cached_property
    def _redact_own(self) -> Redactor:
        """Blanks out the secrets that the containers of today are given."""
        try:
            given = ContainerSettings.of(self.settings.snapshot(self.engine.environment)).environment
        except ConfigError:
            given = self.settings.environment
        return Redactor({name: value for name, value in given.items() if value})

    # What comes before anything is replaced.

    def run_one_off(self, release: Release, argv: Sequence[str], marks: Mapping[str, str], control: Control) -> str:
        settings = self._settings_of(release)
        self._ensure_network(settings, control)
        recipe = Recipe(
            name=f"{self.name}-{release.id}-{marks[labels.ROLE]}-{marks[labels.DEPLOYMENT]}",
            image=release.image.pinned,
            settings=settings,
            labels={**labels_for(release, self.name), **marks},
            networks=dict.fromkeys(self._networks(settings), ()),
            one_off=True,
            argv=argv,
        )
        container = self._create(release, recipe, control)
        self._start([container], recipe.networks, control)
        return container

    def strategy_told(self, image: ImageRef) -> str:  # noqa: ARG002 - the settings are those of every image
        if self.rollout.rolling:
            told = "rolling, without a gap: an instance has no name in the network before it is healthy"
            return f"{told}; the proxy must see the old ones go (docs/how-to/rolling.md)"
        return 'in place, with a short gap; strategy = "rolling" has none, behind a proxy (docs/how-to/rolling.md)'

    def shell_program(self, release: Release, argv: Sequence[str], *, terminal: bool) -> Program:
        settings = replace(self._settings_of(release), entrypoint=(argv[0],), command=None)
        recipe = Recipe(
            name=f"{self.name}-shell-{os.getpid()}",
            image=release.image.pinned,
            settings=settings,
            labels={labels.APP: self.name, labels.ROLE: labels.SHELL},
            networks=dict.fromkeys(self._networks(settings), ()),
            one_off=True,
            argv=argv[1:],
        )
        _, *words = create_args(recipe, self._scratch(release) / "shell")
        variables = variables_of_lines(settings)
        return self.engine.program("run", "--rm", *attached(terminal=terminal), *words, variables=variables)

    def published(self, release: Release) -> Mapping[int, int]:
        return self._settings_of(release).published

    # What changes something.

    def start(self, release: Release, control: Control) -> bool:
        settings = self._settings_of(release)
        self._started_at = time.time()
        self._ensure_network(settings, control)
        return (self._roll if self.rollout.rolling else self._replace)(release, settings, control)

    def promote(self, release: Release, control: Control, *, drain: bool = True) -> None:
        self._admit(release, control)
        self.retire(self.containers_of_others(release), control, drain=drain)

    def settle(self, serving: Release, previous: Release | None = None) -> None:
        self._admit(serving, Control())
        super().settle(serving, previous)

    def keeps(self, container: Container, previous: Release | None) -> bool:
        return bool(previous and not self.rollout.rolling and belongs(container, previous))

    def stop_for_good(self, ids: Sequence[str], control: Control) -> None:
        self._policies.note(one for one in self.engine.inspect(ids) if not _ours(one))
        super().stop_for_good(ids, control)

    def _replace(self, release: Release, settings: ContainerSettings, control: Control) -> bool:
        """In place: everything is made before what serves is stopped, so that little can go wrong after."""
        others = [one for one in self.containers_of_others(release) if instance_of(one).alive]
        networks = self._networks(settings)
        chosen = self._made(release, settings, networks, settings.replicas, control)
        self.stop_for_good([one.id for one in others], control)
        self._bring_up(chosen, settings, networks, control)
        return True

    def _roll(self, release: Release, settings: ContainerSettings, control: Control) -> bool:
        """Beside what serves: so many more as may stand up at once. Nobody is led to them yet, if anything serves."""
        serving = any(instance_of(one).alive for one in self.containers_of_others(release))
        networks = self._networks(settings)
        joined = dict.fromkeys(networks, ()) if serving else networks
        there = sum(instance_of(one).status == "running" for one in self._of(release))
        number = self.rollout.batch(there, settings.replicas)
        self._bring_up(self._made(release, settings, joined, number, control), settings, joined, control)
        return number >= settings.replicas

    def _admit(self, release: Release, control: Control) -> None:
        """Let others find the instances: a network in which one has no alias yet is left, and joined again with it."""
        settings = self._settings_of(release)
        for one in filter(_ours, self._of(release)):
            for network, aliases in self._missing_aliases(one, settings):
                if network in aliases_of(one):
                    self.engine.change(control, "network", "disconnect", network, one.id)
                self._connect(network, aliases, one.id, control)

    # What they are made of.

    @property
    def _policies(self) -> Policies:
        return Policies(self.state / "docker" / "adopted.json")

    def _made(
        self,
        release: Release,
        settings: ContainerSettings,
        networks: Mapping[str, Sequence[str]],
        number: int,
        control: Control,
    ) -> list[Container]:
        """Return so many containers of the release, those that run first; what is missing is made."""
        mine = sorted(self._of(release), key=lambda one: instance_of(one).status != "running")
        names = self._free_names(release)
        recipes = [
            Recipe(
                name=next(names),
                image=release.image.pinned,
                settings=settings,
                labels={**labels_for(release, self.name), labels.DEPLOYMENT: control.deployment},
                networks=networks,
            )
            for _ in range(number - len(mine))
        ]
        made = [self._create(release, recipe, control) for recipe in recipes]
        return [*mine[:number], *self.engine.inspect(made)]

    def _free_names(self, release: Release) -> Iterator[str]:
        taken = set(self.engine.names({}))
        number = 0
        while True:
            number += 1
            if (name := f"{self.name}-{release.id}-{number}") not in taken:
                yield name

    def _create(self, release: Release, recipe: Recipe, control: Control) -> str:
        scratch = self._scratch(release) / "environment"
        variables = variables_of_lines(recipe.settings)
        args = create_args(recipe, scratch)
        try:
            return self.engine.change(control, *args, variables=variables).text.split()[-1]
        finally:
            scratch.unlink(missing_ok=True)

    def _scratch(self, release: Release) -> Path:
        """Return the folder of what docker reads from files, secrets among it: for its owner alone."""
        return self.state / "docker" / release.id

    def discard(self, release: Release, kept: Sequence[Release], control: Control) -> bool:
        shutil.rmtree(self._scratch(release), ignore_errors=True)
        return super().discard(release, kept, control)

    def _bring_up(
        self,
        containers: Sequence[Container],
        settings: ContainerSettings,
        networks: Mapping[str, Sequence[str]],
        control: Control,
    ) -> None:
        """Start those that do not run, and see to it that all are started again, should the machine restart."""
        wanted = {one.id: self._policy(one, settings) for one in containers}
        # A run that was killed in the middle may not have stopped what it has told not to come back.
        changed = [one.id for one in containers if restart_policy_of(one) == NEVER != wanted[one.id]]
        for policy in dict.fromkeys(wanted[one] for one in changed):
            ids = [one for one in changed if wanted[one] == policy]
            self.engine.change(control, "update", f"--restart={policy}", *ids)
        idle = [one.id for one in containers if instance_of(one).status != "running"]
        self._start(idle, networks, control)

    def _policy(self, container: Container, settings: ContainerSettings) -> str:
        return settings.restart if _ours(container) else self._policies.of(container.id)

    def _start(self, ids: Sequence[str], networks: Mapping[str, Sequence[str]], control: Control) -> None:
        if not ids:
            return
        for one in filter(_ours, self.engine.inspect(ids)):
            for network in networks.keys() - aliases_of(one).keys():
                self._connect(network, networks[network], one.id, control)
        self.engine.change(control, "start", *ids)

    def _connect(self, network: str, aliases: Sequence[str], container: str, control: Control) -> None:
        named = (f"--alias={alias}" for alias in aliases)
        self.engine.change(control, "network", "connect", *named, network, container)

    def _missing_aliases(
        self, container: Container, settings: ContainerSettings
    ) -> Iterator[tuple[str, Sequence[str]]]:
        """Yield the networks in which the container lacks an alias, with all that it is to have there."""
        has = aliases_of(container)
        for network, aliases in self._networks(settings).items():
            if not set(aliases) <= set(has.get(network, ())):
                yield network, aliases

    def _networks(self, settings: ContainerSettings) -> dict[str, Sequence[str]]:
        chosen = settings.networks or {self.name: (self.name,)}
        return {name: () if name in BUILT_IN_NETWORKS else aliases for name, aliases in chosen.items()}

    def _ensure_network(self, settings: ContainerSettings, control: Control) -> None:
        """See to it that there is the app's own network, when it is in no other."""
        if not settings.networks and self.name not in self.engine.networks():
            self.engine.change(control, "network", "create", f"--label={labels.APP}={self.name}", self.name)

    def _settings_of(self, release: Release) -> ContainerSettings:
        kept = self.releases.read(release.id)
        # What another kind of backend has kept says nothing of it: then the app had been Compose's until today.
        return ContainerSettings.of(kept if CONTAINER in kept.files else self.snapshot(release.image))

    def _of(self, release: Release) -> list[Container]:
        return [one for one in self.containers() if belongs(one, release)]


def _ours(container: Container) -> bool:
    """Whether deploykit has made it; what it has not made is left as whoever made it wanted."""
    return label(container, labels.RELEASE) is not None
