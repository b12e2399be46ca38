"""The services of a stack, which a compose file describes."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from deploykit.backends.swarm.backend import SwarmBackend
from deploykit.backends.swarm.service import HOLD, Usual, marks, service_labels
from deploykit.backends.swarm.settings import SwarmSettings
from deploykit.backends.swarm.stackfile import KeptStack, StackFile
from deploykit.backends.swarm.walk import Sight
from deploykit.errors import ConfigError
from deploykit.protocols import Control, Finding, Standing
from deploykit.redact import Redactor
from deploykit.release import ImageRef, Release, Snapshot


class StackBackend(SwarmBackend):
    """Services of the stack of that name."""

    def __init__(self, settings: SwarmSettings, stack: str, file: StackFile) -> None:
        super().__init__(settings)
        self.stack = stack
        self.file = file

    @property
    def project(self) -> str:
        return self.stack

    def full_names(self) -> Mapping[str, str]:
        return {one: f"{self.stack}_{one}" for one in self.services}

    def services_of(self, release: Release) -> Sequence[str]:
        known = self._kept(release).model["services"]
        return [one for one in self.services if one in known]

    def snapshot(self, image: ImageRef) -> Snapshot:  # noqa: ARG002 - the file is that of every image
        return self.file.snapshot(self.engine.environment)

    def specify(self, release: Release, seen: Sequence[Sight], control: Control) -> None:
        kept, chosen = self._kept(release), self.services_of(release)
        changes = {name: self._changes(release, kept.usual(name), control.deployment) for name in chosen}
        for service in (one.service for one in seen):
            if service.name in changes and service.replicas and kept.replicas(service.name) is None:
                # Somebody has scaled it, and its file does not say how far: the engine would make it one.
                changes[service.name]["deploy"]["replicas"] = service.replicas
        prefix = f"{self.stack}_"
        there = [one.removeprefix(prefix) for one in self.cluster.stack(self.stack)]
        how = ("--detach", "--with-registry-auth", "--resolve-image", "never")
        self.cluster.change(
            control,
            "stack",
            "deploy",
            *how,
            "--compose-file",
            "-",
            self.stack,
            variables=kept.variables_for(release.image),
            given=kept.rendered(changes, there),
            folder=kept.folder,
        )
        for one in seen:
            if one.service.name not in chosen:  # it would be of no release
                self.cluster.change(control, "service", "rm", one.service.id)

    def _kept(self, release: Release) -> KeptStack:
        return self.file.of(self.releases.read(release.id), self.engine.environment)

    def _changes(self, release: Release, usual: Usual, deployment: str) -> dict[str, Any]:
        """Return what a service has that its file does not say."""
        pace = {"order": self.settings.pace.order, "parallelism": self.settings.pace.parallelism}
        own = {**service_labels(release, self.settings.name, deployment), **usual.label()}
        update = {"delay": f"{HOLD}ns", "failure_action": "pause"}
        return {
            "image": release.image.pinned,
            "labels": dict(marks(release)),
            "deploy": {
                "labels": own,
                "update_config": {**{key: value for key, value in pace.items() if value is not None}, **update},
            },
        }

    def findings(self, image: ImageRef, budget: float) -> Iterator[Finding]:
        yield from super().findings(image, budget)
        today = self._today
        for one in (seen.service for seen in self.look()):
            written = today.replicas(one.name) or ""
            if written.isdigit() and int(written) != one.replicas is not None:
                text = f"{one.full_name} has {one.replicas} replicas, its file says {written}: a deploy scales it"
                hint = "Write the number that you want into the file, or none: then a deploy keeps what there is."
                yield Finding("replicas", Standing.warning, text, hint)

    def own_healthcheck(self, service: str) -> bool | None:
        return self._today.healthcheck(service)

    def has_host_ports(self, service: str) -> bool:
        return self._today.host_ports(service)

    def redact(self, text: str) -> str:
        return self._redact_own(super().redact(text))

    @property
    def _today(self) -> KeptStack:
        return self.file.of(self.file.snapshot(self.engine.environment), self.engine.environment)

    @cached_property
    def _redact_own(self) -> Redactor:
        """Blanks out the secrets that the tasks of today are given."""
        try:
            today = self._today
        except ConfigError:
            return Redactor({})
        return Redactor({**today.variables, **today.given})
