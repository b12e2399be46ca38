"""The `container` probe: the runtime's own verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from deploykit.probes._look import Unhealthy, each
from deploykit.protocols import Verdict
from deploykit.release import Instance


@dataclass(frozen=True, kw_only=True)
class ContainerProbe:
    """Takes each instance's health as the runtime told it: that of the image's HEALTHCHECK."""

    service: str | None = None

    @property
    def name(self) -> str:
        return "container"

    def aimed(self, published: Mapping[int, int]) -> "ContainerProbe":  # noqa: ARG002 - it always asks the instance
        return self

    def look(self, instances: Sequence[Instance], timeout: float) -> Verdict:  # noqa: ARG002
        return each(instances, _look_at)


def _look_at(instance: Instance) -> Sequence[str]:
    match instance.health:
        case "healthy":
            return ()
        case "unhealthy":
            raise Unhealthy("the image's HEALTHCHECK says unhealthy")
        case "starting":
            raise Unhealthy("still starting")
        case None:
            raise Unhealthy("the image has no HEALTHCHECK")
        case never:
            assert_never(never)
