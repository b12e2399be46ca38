"""The engine's own lines of the checklist, on a scripted docker."""

import json

import pytest

from deploykit.backends.engine import checks
from deploykit.backends.engine.client import Engine
from deploykit.errors import RegistryFailed
from deploykit.protocols import Finding, Offer, Standing
from deploykit.release import ImageRef
from tests.unit.backends.docker import Answer, Docker, image
from tests.unit.backends.test_engine_images import PINNED

OK, WARNING, FAILED = Standing.ok, Standing.warning, Standing.failed
NAME = PINNED.name


def asked(docker: Docker, offer: Offer | RegistryFailed, *, at_hand: bool = False) -> list[Finding]:
    """Look for the image in a registry that answers so."""
    docker.answers("image inspect", Answer(json.dumps([image()])) if at_hand else Answer("", "No such image: x", 1))
    docker.says("info {{.DockerRootDir}}", "/\n")

    def ask(wanted: ImageRef) -> Offer:
        assert wanted == PINNED
        if isinstance(offer, RegistryFailed):
            raise offer
        return offer

    return list(checks.image_in_registry(docker.engine(), PINNED, ask))


def test_an_image_for_this_platform(docker: Docker) -> None:
    """Ok; what a pull of it takes is told, where it is known."""
    there = f"the registry has {NAME}"
    offer = Offer(PINNED, 245 * 2**20, platforms=("linux/amd64", "linux/arm64"), wanted="linux/arm64")
    assert asked(docker, offer) == [Finding("image", OK, f"{there}; 245 MiB at most to pull, compressed")]
    assert asked(docker, Offer(PINNED)) == [Finding("image", OK, there)]


def test_an_image_for_other_platforms(docker: Docker) -> None:
    """Failed: it names both."""
    (line,) = asked(docker, Offer(PINNED, platforms=("linux/arm64",), wanted="linux/amd64"))
    assert (line.standing, line.text) == (FAILED, f"{NAME} is there for linux/arm64, and not for linux/amd64")


def test_an_image_for_one_other_platform(docker: Docker) -> None:
    """Warned: it comes, and runs where its platform is emulated."""
    (line,) = asked(docker, Offer(PINNED, 5, platforms=("linux/arm64",), wanted="linux/amd64"))
    assert line.standing is WARNING
    assert line.text.startswith(f"{NAME} is for linux/arm64, and this engine is linux/amd64")


@pytest.mark.parametrize(("size", "standing"), [(2**20, OK), (2**60, FAILED)])
def test_room_on_the_engines_disk(
    docker: Docker, size: int, standing: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the registry tells is compressed: three times that is compared with what is free, and so it is told."""
    monkeypatch.setattr(Engine, "is_local", True)
    line = asked(docker, Offer(PINNED, size))[-1]
    assert (line.about, line.standing) == ("disk", standing)
    assert f"for an image of {size / 2**20:,.0f} MiB, which takes some {size * 3 / 2**20:,.0f} MiB" in line.text


@pytest.mark.parametrize(("at_hand", "standing"), [(False, FAILED), (True, WARNING)])
def test_an_image_that_the_registry_does_not_give(docker: Docker, standing: Standing, *, at_hand: bool) -> None:
    """Failed, with what the registry client says; warned when it is at hand all the same."""
    (line,) = asked(docker, RegistryFailed("ghcr.io has no web:x", hint="Was it pushed?"), at_hand=at_hand)
    assert line.standing is standing
    assert line.text.startswith(f"the registry does not give {NAME}: ghcr.io has no web:x")


@pytest.mark.parametrize(
    ("version", "standing"), [("20.10.24+dfsg1", OK), ("27.1.0", OK), ("19.03.5", WARNING), ("dev", OK)]
)
def test_versions_of_the_engine(docker: Docker, version: str, standing: Standing) -> None:
    """Older than what is tried: warned."""
    docker.says("version {{.Server.Version}}", f"{version}\n")
    (line,) = checks.engine_version(docker.engine())
    assert line.standing is standing
    assert version in line.text


@pytest.mark.parametrize(
    ("answer", "standing"),
    [
        (Answer("v2.26.1\n"), OK),
        (Answer("1.29.2\n"), WARNING),
        (Answer(err="docker: 'compose' is not a docker command.\n", code=1), FAILED),
    ],
)
def test_versions_of_compose(docker: Docker, answer: Answer, standing: Standing) -> None:
    """Not there: failed."""
    docker.answers("compose version", answer)
    (line,) = checks.compose_version(docker.engine())
    assert line.standing is standing


def test_a_health_check_that_waits_longer_than_the_probes(docker: Docker) -> None:
    """Warned; not when the probes have as long, or when there is none."""
    slow = image(Config={"Healthcheck": {"StartPeriod": 90 * 10**9}})
    docker.says("image inspect", [slow])
    (line,) = checks.patience(docker.engine(), PINNED, 60)
    assert line.standing is WARNING
    assert line.text.startswith("the image's health check waits 90s")
    assert not list(checks.patience(docker.engine(), PINNED, 90))
    docker.says("image inspect", [image()])
    assert not list(checks.patience(docker.engine(), PINNED, 1))
