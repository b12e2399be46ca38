"""The `container` probe."""

import pytest

from deploykit.probes import ContainerProbe
from deploykit.protocols import ProbeVerdict, Verdict
from deploykit.release import Health, Instance


def instance(health: Health | None, name: str = "web-1") -> Instance:
    return Instance(id=f"{name}-id", name=name, service="web", status="running", health=health)


def look(*instances: Instance) -> Verdict:
    return ContainerProbe().look(instances, 1.0)


def test_all_healthy_is_healthy() -> None:
    """It is healthy when the runtime calls every instance healthy."""
    assert look(instance("healthy"), instance("healthy", "web-2")) == Verdict(ProbeVerdict.healthy)


@pytest.mark.parametrize(
    ("health", "reason"),
    [
        ("unhealthy", "the image's HEALTHCHECK says unhealthy"),
        ("starting", "still starting"),
        (None, "the image has no HEALTHCHECK"),
    ],
)
def test_anything_else_is_unhealthy(health: Health | None, reason: str) -> None:
    """Anything else is unhealthy, with the reason in words."""
    assert look(instance(health)) == Verdict(ProbeVerdict.unhealthy, reason)


def test_one_bad_instance_is_named() -> None:
    """Among several instances, the one that is not healthy decides, and is named."""
    assert look(instance("healthy"), instance("starting", "web-2")).reason == "web-2: still starting"


def test_no_instances_is_unhealthy() -> None:
    """Without an instance it is unhealthy."""
    assert look() == Verdict(ProbeVerdict.unhealthy, "no instance to look at")
