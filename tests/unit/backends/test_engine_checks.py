"""The engine's own lines of the checklist, on a scripted docker."""

import json
from typing import Any

import pytest

from deploykit.backends.engine import checks
from deploykit.protocols import Finding, Standing
from deploykit.release import ImageRef
from tests.unit.backends.docker import Answer, Docker, image
from tests.unit.backends.test_engine_images import PINNED

OK, WARNING, FAILED = Standing.ok, Standing.warning, Standing.failed
NAME = PINNED.name


def asked(docker: Docker, manifest: Any, *, code: int = 0, err: str = "", at_hand: bool = False) -> list[Finding]:
    """Look for the image in a registry that answers so."""
    docker.answers("image inspect", Answer(json.dumps([image()])) if at_hand else Answer("", "No such image: x", 1))
    docker.answers("manifest inspect", Answer(json.dumps(manifest), err, code))
    docker.says("version {{.Server.Os}}/{{.Server.Arch}}", "linux/amd64\n")
    docker.says("info {{.DockerRootDir}}", "/nowhere\n")
    return list(checks.image_in_registry(docker.engine(), PINNED))


def platforms(*names: str) -> dict[str, Any]:
    parts = [name.split("/") for name in names]
    return {"manifests": [{"platform": {"os": system, "architecture": machine}} for system, machine in parts]}


def test_an_image_for_this_platform(docker: Docker) -> None:
    """Among others, or the only one."""
    there = [Finding("image", OK, f"the registry has {NAME}")]
    assert asked(docker, platforms("linux/arm64", "linux/amd64", "unknown/unknown")) == there
    assert asked(docker, {"layers": [{"size": 5}]}) == there


def test_an_image_for_other_platforms(docker: Docker) -> None:
    """Failed: it names both."""
    (line,) = asked(docker, platforms("linux/arm64"))
    assert (line.standing, line.text) == (FAILED, f"{NAME} is there for linux/arm64, and not for linux/amd64")


@pytest.mark.parametrize(("at_hand", "standing"), [(False, FAILED), (True, WARNING)])
def test_an_image_that_the_registry_does_not_give(docker: Docker, standing: Standing, *, at_hand: bool) -> None:
    """Failed, with the registry's words; warned when it is at hand all the same."""
    (line,) = asked(docker, {}, code=1, err="no such manifest: x\n", at_hand=at_hand)
    assert line.standing is standing
    assert "no such manifest: x" in line.text


def test_a_registry_that_hangs(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the registry that gives no answer, not the engine."""
    monkeypatch.setattr(checks, "REGISTRY_TIMEOUT", 0.3)
    docker.answers("image inspect", Answer("", "No such image: x", 1))
    docker.hangs("manifest inspect")
    (line,) = checks.image_in_registry(docker.engine(), PINNED)
    assert (line.about, line.standing) == ("image", FAILED)
    assert line.text.startswith(f"the registry does not give {NAME}: no answer within 0.3s")


@pytest.mark.parametrize(
    ("registry", "plain"),
    [
        ("localhost:5000", True),
        ("127.0.0.1:5000", True),
        ("localhost.example:5000", False),
        ("127.0.0.1.example:80", False),
    ],
)
def test_only_a_registry_of_this_machine_may_speak_plainly(docker: Docker, registry: str, *, plain: bool) -> None:
    """Its host is one of the loopback, not one whose name begins so."""
    docker.answers("image inspect", Answer("", "No such image: x", 1))
    docker.fails("manifest inspect", "no such manifest")
    list(checks.image_in_registry(docker.engine(), ImageRef(f"{registry}/web", "one")))
    (call,) = docker.calls("manifest")
    assert ("--insecure" in call) is plain


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
