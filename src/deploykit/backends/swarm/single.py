"""A service that is there already, whoever made it: its image is replaced, and all else of it is kept."""

import json
from collections.abc import Mapping, Sequence

from deploykit.backends.swarm.backend import SwarmBackend
from deploykit.backends.swarm.service import update_args
from deploykit.backends.swarm.walk import Sight
from deploykit.errors import ConfigError
from deploykit.protocols import Control
from deploykit.release import ImageRef, Release, Snapshot

_SERVICE = "service.json"


class ServiceBackend(SwarmBackend):
    """The one service that `services` names."""

    @property
    def project(self) -> str:
        return self.services[0]

    def full_names(self) -> Mapping[str, str]:
        return {self.services[0]: self.services[0]}

    def services_of(self, release: Release) -> Sequence[str]:  # noqa: ARG002 - there is one
        return self.services

    def look(self) -> list[Sight]:
        seen = super().look()
        if not seen:
            msg = f"backend.service: the swarm has no service {self.services[0]!r}"
            raise ConfigError(msg, hint="Make it: `docker service create`; or give stack and file.")
        if seen[0].service.is_job:
            raise ConfigError(f"backend.service: {self.services[0]!r} is a job, which serves nobody")
        return seen

    def snapshot(self, image: ImageRef) -> Snapshot:  # noqa: ARG002 - what is not ours is the service's own
        return Snapshot({_SERVICE: json.dumps({"service": self.services[0]}).encode()})

    def demand(self, image: ImageRef) -> None:
        if self.look()[0].service.replicas == 0:
            msg = f"backend.service: {self.project} is scaled to 0: no task of it would be started"
            raise ConfigError(msg, hint=f"docker service scale {self.project}=1")
        super().demand(image)

    def specify(self, release: Release, seen: Sequence[Sight], control: Control) -> None:
        for one in seen:
            args = update_args(one.service, release, self.settings.name, control.deployment, self.settings.pace)
            self.cluster.change(control, *args)

    def own_healthcheck(self, service: str) -> bool | None:  # noqa: ARG002 - there is one
        return self.look()[0].service.healthcheck

    def has_host_ports(self, service: str) -> bool:  # noqa: ARG002 - there is one
        return bool(self.look()[0].service.host_ports)
