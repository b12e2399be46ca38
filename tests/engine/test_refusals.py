"""What is wrong is said in one readable message, with the exit code for it, and nothing is touched."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeVar

import pytest

from tests.engine.support.project import App, ComposeApp, DockerApp
from tests.engine.support.told import ended, history

AnyApp = TypeVar("AnyApp", bound=App)


@pytest.fixture
def serving(app: App) -> App:
    """An app of which deploykit has deployed `old`."""
    return deployed(app)


def deployed(app: AnyApp) -> AnyApp:
    app.push("old")
    ended(app.deploykit("run", "--tag", "old"), 0)
    return app


Case = tuple[Callable[[AnyApp], object], list[str]]
WRONG: dict[str, Case[App]] = {
    "unknown key": (lambda app: app.write_config(backend={"servces": ["web"]}), ["sandmatch.toml", "servces"]),
    "wrong type": (lambda app: app.write_config(health={"attempts": "many"}), ["sandmatch.toml", "health.attempts"]),
}
WRONG_COMPOSE: dict[str, Case[ComposeApp]] = {
    "missing file": (lambda app: app.compose_file.unlink(), ["docker-compose.prod.yml"]),
    "missing service": (lambda app: app.write_config(backend={"services": ["wev"]}), ["services", "wev", "web"]),
    "missing variable": (
        lambda app: app.write_compose(web='environment: ["A=${NOT_SET_ANYWHERE:?it is needed}"]'),
        ["docker-compose.prod.yml", "NOT_SET_ANYWHERE"],
    ),
    "broken compose file": (lambda app: app.compose_file.write_text("services: [\n"), ["docker-compose.prod.yml"]),
}
WRONG_DOCKER: dict[str, Case[DockerApp]] = {
    "wrong port": (lambda app: app.is_made_with(ports=["web:80"]), ["sandmatch.toml", "backend.ports[0]", "web:80"]),
    "missing env file": (lambda app: app.is_made_with(env_file="nosuch.env"), ["backend.env_file", "nosuch.env"]),
    "missing network": (lambda app: app.is_made_with(networks=["nosuch"]), ["backend.networks", "nosuch"]),
    "missing variable": (
        lambda app: app.is_made_with(environment={"A": "${NOT_SET_ANYWHERE:?it is needed}"}),
        ["sandmatch.toml", "backend.environment.A", "NOT_SET_ANYWHERE"],
    ),
}
HOSTILE = ["a b", "$(reboot)", "-rm", "../../etc", "a;b", "a\nb", "", "x" * 129, "'"]


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_config_is_named(serving: App, case: str) -> None:
    """File and key are named, exit 2, no traceback, no row, and no container was touched."""
    refused(serving, WRONG[case])


@pytest.mark.parametrize("case", WRONG_COMPOSE)
def test_a_wrong_compose_file_is_named(compose_app: ComposeApp, case: str) -> None:
    """The same for what is wrong in it, or does not fit it."""
    refused(deployed(compose_app), WRONG_COMPOSE[case])


@pytest.mark.parametrize("case", WRONG_DOCKER)
def test_what_a_container_cannot_be_made_with_is_named(docker_app: DockerApp, case: str) -> None:
    """The same for the keys of docker, also where it is the engine that knows."""
    refused(deployed(docker_app), WRONG_DOCKER[case])


def refused(app: AnyApp, case: Case[AnyApp]) -> None:
    """Assert that a run is refused after this change, naming these, with nothing touched."""
    before, rows = app.containers(), len(history(app))
    app.push("new")
    change, named = case
    change(app)

    done = ended(app.deploykit("run", "--tag", "new"), 2)

    for name in named:
        assert name in done.stderr
    assert app.containers() == before
    app.is_made_with()
    app.write_config()
    assert len(history(app)) == rows


def test_a_hostile_tag_is_refused(serving: App) -> None:
    """A tag that is none never reaches the engine: exit 2."""
    before = serving.container()

    for tag in HOSTILE:
        done = serving.deploykit("run", f"--tag={tag}", "--json")

        assert done.returncode == 2, tag
        assert json.loads(done.stdout)["event"] == "deployment.refused"
    assert serving.container() == before


def test_no_engine_is_5(serving: App) -> None:
    """Without an engine: exit 5, one message, and what serves goes on."""
    before = serving.container()
    for verb in (["run", "--tag", "old"], ["rollback"], ["status"], ["recover"]):
        done = ended(serving.deploykit(*verb, env={"DOCKER_HOST": "unix:///nowhere/docker.sock"}), 5)
        assert "cannot be reached" in done.stderr
    assert serving.container() == before


def test_a_tag_that_no_registry_has(serving: App) -> None:
    """A failed pull is exit 1, untouched: the old release serves, and the tag file is as it was."""
    before = serving.container()

    done = ended(serving.deploykit("run", "--tag", "nosuch"), 1)

    assert "Pull failed" in done.stdout
    assert serving.container() == before
    assert history(serving)[0]["outcome"] == "untouched"
    assert not serving.tag_file.exists()
