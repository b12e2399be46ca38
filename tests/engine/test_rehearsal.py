"""A rehearsed release is judged beside what serves, before that is touched: also where the port is fixed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.engine.support.docker import docker
from tests.engine.support.load import Load
from tests.engine.support.told import ended, history, status, unbroken

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.engine.support.images import Behaviour
    from tests.engine.support.project import ComposeApp

BAD: dict[str, Behaviour] = {
    "crashes": {"exit_after": 0, "exit_code": 3},
    "crashes later": {"exit_after": 1, "exit_code": 3},
    "answers 500": {"status": 500, "log_requests": True},
}


def on_compose(app: ComposeApp) -> None:
    app.write_config(backend={"rehearse": True})


def on_docker(app: ComposeApp) -> None:
    of_compose = dict.fromkeys(("file", "services", "image_env", "tag_env"))
    app.write_config(backend=of_compose | {"type": "docker", "ports": [f"127.0.0.1:{app.port}:8000"], "rehearse": True})


@pytest.fixture(params=[on_compose, on_docker], ids=["compose", "docker"])
def rehearsed(compose_app: ComposeApp, request: pytest.FixtureRequest) -> ComposeApp:
    """An app on a fixed port, of which `old` serves; its probe asks at that port."""
    configure: Callable[[ComposeApp], None] = request.param
    configure(compose_app)
    compose_app.push("old", log_requests=True)
    ended(compose_app.deploykit("run", "--tag", "old"), 0)
    return compose_app


def containers(app: ComposeApp) -> list[str]:
    """Return the containers of the app, running or not."""
    return docker("ps", "-aq", "--no-trunc", "--filter", f"label=org.deploykit.app={app.name}").split()


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_release_is_never_noticed(rehearsed: ComposeApp, kind: str) -> None:
    """No request fails, exit 1, untouched; nothing of the rehearsal is left, and the old container is as it was."""
    rehearsed.push("bad", **BAD[kind])
    before = containers(rehearsed)

    with Load(rehearsed.port) as load:
        done = ended(rehearsed.deploykit("run", "--tag", "bad"), 1)

    assert load.asked > 0
    assert not load.failed, load.story()
    assert set(load.answers) == {"old"}
    assert containers(rehearsed) == before
    assert history(rehearsed)[0]["outcome"] == "untouched"
    assert "[deploy] Starting containers..." not in done.stdout
    if "crashes" in kind:
        assert "exited with code 3" in unbroken(done.stdout)


def test_the_rehearsal_answers_the_probe(rehearsed: ComposeApp) -> None:
    """Not the old release, which has the port: it is asked once, when it is looked at before all else."""
    rehearsed.push("bad", **BAD["answers 500"])
    (old,) = containers(rehearsed)
    asked = docker("logs", old).count("by deploykit")

    done = ended(rehearsed.deploykit("run", "--tag", "bad"), 1)

    assert "| bad was asked for /api/health/ by deploykit" in done.stdout
    assert "500" in done.stdout
    assert docker("logs", old).count("by deploykit") <= asked + 1


def test_a_good_release_is_deployed_after_its_rehearsal(rehearsed: ComposeApp) -> None:
    """In place of the old one, with nothing of the rehearsal left."""
    rehearsed.push("new")

    done = ended(rehearsed.deploykit("run", "--tag", "new"), 0)

    assert "[deploy] Starting containers..." in done.stdout
    assert rehearsed.serves("new")
    assert status(rehearsed)["current"]["tag"] == "new"
    running = docker("ps", "-q", "--filter", f"label=org.deploykit.app={rehearsed.name}").split()
    assert len(running) == 1
