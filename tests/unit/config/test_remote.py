"""Where the Docker engine is, told without asking it."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from deploykit.config.remote import engine_host, is_local, is_loopback


@pytest.fixture
def docker(tmp_path: Path) -> dict[str, str]:
    """An environment in which docker knows a context `prod`."""
    meta = tmp_path / "contexts" / "meta" / sha256(b"prod").hexdigest()
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Endpoints": {"docker": {"Host": "ssh://prod"}}}))
    return {"DOCKER_CONFIG": str(tmp_path)}


def current(docker: dict[str, str], said: str) -> None:
    (Path(docker["DOCKER_CONFIG"]) / "config.json").write_text(said)


def test_without_anything_it_is_docker_s_own_default(docker: dict[str, str]) -> None:
    """None; also where docker's own files are missing, empty or broken."""
    assert engine_host(None, None, docker) is None
    for said in (
        "",
        "{",
        "[]",
        "{}",
        '{"currentContext": ""}',
        '{"currentContext": "default"}',
        '{"currentContext": 3}',
    ):
        current(docker, said)
        assert engine_host(None, None, docker) is None


@pytest.mark.parametrize(
    ("host", "context", "environment", "chosen"),
    [
        ("tcp://a", None, {"DOCKER_HOST": "tcp://b"}, "tcp://a"),
        (None, "prod", {"DOCKER_HOST": "tcp://b"}, "ssh://prod"),
        (None, None, {"DOCKER_HOST": "tcp://b", "DOCKER_CONTEXT": "prod"}, "tcp://b"),
        (None, None, {"DOCKER_CONTEXT": "prod"}, "ssh://prod"),
        (None, None, {"DOCKER_CONTEXT": "default"}, None),
        (None, "default", {}, None),
        (None, "nosuch", {}, None),
        (None, None, {}, "ssh://prod"),
    ],
)
def test_it_is_chosen_as_docker_chooses(
    docker: dict[str, str], host: str | None, context: str | None, environment: dict[str, str], chosen: str | None
) -> None:
    """The config's host or context, DOCKER_HOST, DOCKER_CONTEXT, then the current context."""
    current(docker, '{"currentContext": "prod"}')
    assert engine_host(host, context, {**docker, **environment}) == chosen


def test_docker_s_files_are_at_home_when_not_said_otherwise(docker: dict[str, str], tmp_path: Path) -> None:
    """In `.docker`."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".docker").symlink_to(tmp_path)
    current(docker, '{"currentContext": "prod"}')
    assert engine_host(None, None, {"HOME": str(tmp_path / "home")}) == "ssh://prod"


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("unix:///var/run/docker.sock", True),
        ("npipe:////./pipe/docker", True),
        ("fd://", True),
        ("tcp://127.0.0.1:2375", False),
        ("ssh://deploy@example.org", False),
    ],
)
def test_an_engine_is_local_by_its_socket(host: str, *, local: bool) -> None:
    """A port may be forwarded to anywhere."""
    assert is_local(host) is local


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://localhost/", True),
        ("http://LOCALHOST:8000/", True),
        ("http://app.localhost/", True),
        ("http://127.1.2.3/", True),
        ("http://0.0.0.0:80/", True),
        ("http://[::1]/", True),
        ("http://[::]/", True),
        ("//localhost", True),
        ("http://localhost.example/", False),
        ("http://10.0.0.1/", False),
        ("https://shop.example/", False),
        ("http://[::1", False),
        ("", False),
    ],
)
def test_a_url_that_leads_to_whoever_asks_it(url: str, *, loopback: bool) -> None:
    """By name or address; what is no URL leads nowhere."""
    assert is_loopback(url) is loopback
