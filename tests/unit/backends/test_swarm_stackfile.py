"""A stack's compose file, as it is kept, and as it is deployed again."""

import json
from pathlib import Path
from typing import Any

import pytest

from deploykit.backends.swarm.service import Usual
from deploykit.backends.swarm.stackfile import KeptStack, StackFile
from deploykit.errors import ConfigError
from tests.unit import made

FILE = """
name: shop
services:
  web:
    image: ${WEB_IMAGE}:${WEB_IMAGE_TAG}
    env_file: web.env
    environment: ["GREETING=${HELLO:-hi}", "TOKEN"]
    depends_on: {db: {condition: service_healthy}}
    ports: ["22:22", 8000:8000]
    healthcheck: {test: ["CMD", "true"]}
    labels: ["team=web"]
    deploy: {replicas: 2, update_config: {delay: 3s, failure_action: rollback}}
  db:
    image: postgres:17
    ports: [{target: 5432, published: 5432, mode: host}]
"""


def stack(folder: Path, text: str = FILE, **files: str) -> StackFile:
    (folder / "stack.yml").write_text(text)
    (folder / "web.env").write_text(files.get("env", "SECRET=a$b\n"))
    return StackFile(folder / "stack.yml", ("web",), "WEB_IMAGE", "WEB_IMAGE_TAG")


def kept(folder: Path, shell: dict[str, str] | None = None) -> KeptStack:
    file = stack(folder)
    return file.of(file.snapshot(shell or {}), {})


def rendered(found: KeptStack, there: tuple[str, ...] = (), **changes: Any) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(found.rendered({"web": changes}, there))
    return said


def test_it_is_kept_with_its_env_files_and_the_variables_that_it_uses(tmp_path: Path) -> None:
    """And no others: today's shell is not needed to go back."""
    (tmp_path / ".env").write_text("HELLO=from the file\nUNUSED=1\n")
    found = kept(tmp_path, {"TOKEN": "t", "HOME": "/root", "WEB_IMAGE": "ignored"})
    (tmp_path / "web.env").write_text("SECRET=other\n")
    variables = found.variables_for(made.image("new"))
    assert variables == {
        "HELLO": "from the file",
        "TOKEN": "t",
        "WEB_IMAGE": "example.com/team/web",
        "WEB_IMAGE_TAG": "new",
    }
    assert rendered(found)["services"]["web"]["environment"] == {
        "SECRET": "a$$b",
        "GREETING": "${HELLO:-hi}",
        "TOKEN": None,
    }
    assert found.given["SECRET"] == "a$b"


def test_what_is_changed_stands_in_it_beside_what_was_there(tmp_path: Path) -> None:
    """The image is pinned, labels are added; what Compose alone knows is put as the swarm reads it."""
    found = rendered(
        kept(tmp_path), image="web@sha256:1", labels={"ours": "1"}, deploy={"update_config": {"delay": "9s"}}
    )
    web = found["services"]["web"]
    assert (web["image"], web["labels"]) == ("web@sha256:1", {"team": "web", "ours": "1"})
    assert web["deploy"] == {"replicas": 2, "update_config": {"delay": "9s", "failure_action": "rollback"}}
    assert web["depends_on"] == ["db"]
    assert (found["version"], "name" in found) == ("3.8", False)


def test_numbers_are_dockers(tmp_path: Path) -> None:
    """A port mapping is no number to the base of 60."""
    assert kept(tmp_path).model["services"]["web"]["ports"] == ["22:22", "8000:8000"]


def test_what_is_not_ours_is_deployed_only_when_it_is_not_there(tmp_path: Path) -> None:
    """A rollback of the app is none of its database."""
    found = kept(tmp_path)
    assert set(rendered(found)["services"]) == {"web", "db"}
    assert set(rendered(found, ("web", "db"))["services"]) == {"web"}


def test_what_it_says_of_a_service(tmp_path: Path) -> None:
    """Its pace, its healthcheck, and whether each task has a port of its own node."""
    found = kept(tmp_path)
    assert found.usual("web") == Usual("3s", "rollback")
    assert found.usual("db") == Usual()
    assert (found.healthcheck("web"), found.healthcheck("db")) == (True, None)
    assert (found.host_ports("web"), found.host_ports("db")) == (False, True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("services: [", "stack.yml, line 1 is not YAML"),
        ("services: 3", "stack.yml has no services"),
        ("services: {api: {image: x}}", "backend.services: stack.yml has no service 'web'"),
        ("services: {web: {image: x, env_file: nosuch.env}}", "nosuch.env cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str, told: str) -> None:
    """It is told before anything is touched."""
    with pytest.raises(ConfigError, match=told):
        stack(tmp_path, text).snapshot({})


def test_an_env_file_that_need_not_be_there(tmp_path: Path) -> None:
    """Is none where it is not."""
    text = "services: {web: {image: x, env_file: [{path: nosuch.env, required: false}, web.env]}}"
    file = stack(tmp_path, text)
    assert file.of(file.snapshot({}), {}).environment == {"web": {"SECRET": "a$b"}}


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Is named."""
    with pytest.raises(ConfigError, match=r"nosuch\.yml cannot be read"):
        StackFile(tmp_path / "nosuch.yml", ("web",)).snapshot({})
