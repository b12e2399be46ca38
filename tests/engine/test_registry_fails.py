"""A registry that is down, slow, full or closed to us: nothing is touched, and what to do is told."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from tests.engine.support.sickregistry import SickRegistry
from tests.engine.support.slowregistry import SlowRegistry
from tests.engine.support.told import ended, unbroken

if TYPE_CHECKING:
    from tests.engine.support.project import DockerApp


def wrong(code: str) -> str:
    return json.dumps({"errors": [{"code": code, "message": code.lower().replace("_", " ")}]})


SICK = {
    "401": (401, wrong("UNAUTHORIZED"), "docker login"),
    "403": (403, wrong("DENIED"), "docker login"),
    "404": (404, wrong("MANIFEST_UNKNOWN"), "Was that tag pushed"),
    "429": (429, wrong("TOOMANYREQUESTS"), "limits pulls"),
    "500": (500, "oops", "does not answer as it should"),
    "503 in html": (503, "<html>Bad gateway</html>", "does not answer as it should"),
}


@pytest.fixture
def serving(docker_app: DockerApp) -> DockerApp:
    docker_app.push("old")
    ended(docker_app.deploykit("run", "--tag", "old"), 0)
    return docker_app


@pytest.mark.parametrize("sickness", SICK)
def test_a_registry_that_refuses(serving: DockerApp, sickness: str) -> None:
    """Untouched, 1, with the registry's words and what to do about them."""
    status, body, hint = SICK[sickness]
    before = serving.container()
    with SickRegistry(status, body) as registry:
        done = ended(serving.deploykit("run", "--image", f"{registry.address}/shop/web", "--tag", "new"), 1)
        assert registry.asked
    assert "[deploy] ERROR: Pull failed" in done.stdout
    assert hint in unbroken(done.stdout), done.stdout
    assert serving.container() == before


def test_a_registry_that_hangs_is_waited_for_as_long_as_was_said(serving: DockerApp) -> None:
    """`pull_timeout`; no pull is left behind."""
    serving.is_made_with(pull_timeout=2)
    before = serving.container()
    with SickRegistry(200, delay=20) as registry:
        began = time.monotonic()
        done = ended(serving.deploykit("run", "--image", f"{registry.address}/shop/web", "--tag", "new"), 1)
        assert time.monotonic() - began < 12
    assert "did not come within 2s" in unbroken(done.stdout)
    assert serving.container() == before


def test_a_pull_whose_data_flows_slowly_is_waited_for(serving: DockerApp) -> None:
    """As long as was said: what served goes on meanwhile; with more time, it is deployed."""
    serving.push("heavy", weight=4)
    host = serving.images.registry.address
    with SlowRegistry(host, rate=1_500_000) as slow:
        image = serving.images.repository.replace(host, slow.address)
        serving.is_made_with(pull_timeout=1)
        done = ended(serving.deploykit("run", "--image", image, "--tag", "heavy"), 1)
        assert "did not come within 1s" in done.stdout
        assert serving.version() == "old"
        serving.is_made_with(pull_timeout=60)
        ended(serving.deploykit("run", "--image", image, "--tag", "heavy"), 0)
    assert slow.sent > 4_000_000
    assert serving.version() == "heavy"


def test_an_image_for_another_kind_of_processor(serving: DockerApp) -> None:
    """It comes, and cannot be run: what served serves again, and what to do is told."""
    serving.push("foreign", foreign=True)
    done = ended(serving.deploykit("run", "--tag", "foreign"), 1)
    assert "another platform" in unbroken(done.stdout), done.stdout
    assert serving.version() == "old"


def test_an_image_whose_program_cannot_be_run_here(serving: DockerApp) -> None:
    """What served serves again, and the engine's words say why."""
    serving.push("odd")
    serving.is_made_with(entrypoint=["/not-there"])
    done = ended(serving.deploykit("run", "--tag", "odd"), 1)
    assert "no such file or directory" in unbroken(done.stdout), done.stdout
    assert serving.version() == "old"
