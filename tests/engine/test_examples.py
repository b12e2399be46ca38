"""The examples run as they stand there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scripts.commands import run
from tests.engine.support.docker import docker, labelled
from tests.engine.support.names import free_port
from tests.engine.support.project import PROJECT, clean
from tests.engine.support.proxy import EXAMPLE, proxy_config
from tests.engine.support.told import assert_all_agree, ended

if TYPE_CHECKING:
    from tests.engine.support.fixtures import MakeRolling
    from tests.engine.support.project import ComposeApp, DockerApp
    from tests.engine.support.rolling import RollingApp

EXAMPLES = Path(__file__).parents[2] / "examples"
OWN = {
    'path = "/health"': 'path = "/api/health/"',
    '["touch", "/tmp/draining"]': '["/bin/busybox", "touch", "/draining"]',
}
"""What the test app has otherwise: where it tells its health, and how it is made to fail it."""


@pytest.fixture
def rolling(make_rolling: MakeRolling) -> RollingApp:
    """The example, in a folder of its own."""
    app = make_rolling()
    app.compose_file.unlink()
    app.config.unlink()
    (app.folder / "haproxy.cfg").write_text(proxy_config())
    (app.folder / "docker-compose.yml").write_text((EXAMPLE / "docker-compose.yml").read_text())
    text = (EXAMPLE / "deploykit.toml").read_text()
    for theirs, ours in OWN.items():
        assert theirs in text
        text = text.replace(theirs, ours)
    (app.folder / "deploykit.toml").write_text(text)
    return app


def test_rolling(rolling: RollingApp) -> None:
    """The proxy first, as the docs say, then a release, and another one: no request fails."""
    told = {"WEB_IMAGE": rolling.images.repository, "PROXY_IMAGE": rolling.proxy, "PROXY_PORT": str(rolling.port)}
    env = clean({**told, "WEB_IMAGE_TAG": "none"})
    run(["docker", "compose", "up", "-d", "proxy"], cwd=rolling.folder, env=env)
    for tag in ("old", "new"):
        rolling.push(tag)
    ended(rolling.deploykit("run", "--tag", "old", env=told), 0)
    rolling.settle()
    with rolling.load() as load:
        ended(rolling.deploykit("run", "--tag", "new", env=told), 0)
    assert not load.failed, load.story()
    assert set(load.answers) == {"old", "new"}
    assert rolling.tags() == ["new", "new"]


def test_compose_reads_the_files_for_traefik() -> None:
    """There is no Traefik here to run them with."""
    env = clean({"WEB_IMAGE": "example.com/web", "WEB_IMAGE_TAG": "none"})
    run(["docker", "compose", "config", "--quiet"], cwd=EXAMPLES / "rolling-traefik", env=env)


def test_plain_docker(docker_app: DockerApp) -> None:
    """What was started by hand is replaced, with port, env file and shell, and comes back by a rollback."""
    app, example = docker_app, EXAMPLES / "plain-docker"
    app.push("by-hand", local=True)
    app.up_by_hand("by-hand")
    app.push("v1")
    app.folder.joinpath("shop.env").write_text(example.joinpath("shop.env").read_text())
    text = example.joinpath("shop.toml").read_text()
    app.config.write_text(text.replace('"shop"', f'"{app.name}"').replace('"shop-by-hand"', f'"{app.by_hand}"'))
    env = {"SHOP_IMAGE": app.images.repository, "SHOP_PORT": str(app.port), "DATABASE_URL": "postgres://db"}

    ended(app.deploykit("run", "--tag", "v1", env=env), 0)

    given = docker("container", "inspect", "--format", "{{json .Config.Env}}", app.container().id)
    for one in ("TIME_ZONE=Europe/Berlin", "LOG_LEVEL=info", "DATABASE_URL=postgres://db"):
        assert f'"{one}"' in given
    assert app.version() == "v1"
    ended(app.deploykit("rollback", env=env), 0)
    assert app.container().name == app.by_hand
    app.is_made_with(adopt=app.by_hand)
    assert_all_agree(app, "by-hand")


def test_targets(compose_app: ComposeApp) -> None:
    """Each in a project of its own, and gone back by itself; two that would share one are refused, untouched."""
    app, example = compose_app, EXAMPLES / "targets"
    for file in example.glob("*.yml"):
        (app.folder / file.name).write_text(file.read_text())
    text = (example / "shop.toml").read_text().replace('"shop', f'"{app.name}')
    app.config.write_text(text)
    ports = {"STAGING_PORT": str(free_port()), "PRODUCTION_PORT": str(app.port)}
    env = {"SHOP_IMAGE": app.images.repository, **ports}
    for tag in ("v1", "v2"):
        app.push(tag)

    def images() -> dict[str, list[str]]:
        projects = {"staging": f"{app.name}-staging", "production": app.name}
        return {name: [one.image for one in labelled(PROJECT, project)] for name, project in projects.items()}

    ended(app.deploykit("run", "-t", "production", "--tag", "v1", env=env), 0)
    ended(app.deploykit("run", "-t", "staging", "--tag", "v1", env=env), 0)
    first = images()
    ended(app.deploykit("run", "-t", "staging", "--tag", "v2", env=env), 0)
    assert images()["production"] == first["production"] != images()["staging"]
    ended(app.deploykit("rollback", "-t", "staging", env=env), 0)
    assert images() == first

    app.config.write_text(text.replace(f'project = "{app.name}-staging"', f'project = "{app.name}"'))
    refused = app.deploykit("run", "-t", "staging", "--tag", "v2", env=env)
    assert refused.returncode == 2
    assert f"targets staging and production would share the Compose project '{app.name}'" in refused.stderr
    assert images() == first
