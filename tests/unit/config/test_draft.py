"""A first config says what a compose file says, asks for nothing else, and can be read."""

from pathlib import Path
from typing import Any

import pytest

from deploykit.config import read_config
from deploykit.config.draft import Draft, draft, toml
from deploykit.config.probes import HttpTable
from deploykit.errors import ConfigError

IMAGE = "${WEB_IMAGE:-ghcr.io/ekimteam/sandmatch/web}:${WEB_IMAGE_TAG:?tag}"
CURL = {"test": ["CMD", "curl", "-f", "http://localhost:8000/api/health/"]}
PUBLISHED = [{"target": 8000, "published": "8000"}]


class Asked:
    """Somebody who answers, and is asked for what the compose file does not say."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.options: list[str] = []

    def __call__(self, option: str, question: str, default: str) -> str:
        self.options.append(option)
        return self.answers.get(option.removeprefix("--"), default)


def model(**services: Any) -> dict[str, Any]:
    return {"name": "sandmatch", "services": services}


def drawn(asked: Asked | None = None, **services: Any) -> Draft:
    return draft(model(**services), "compose.yaml", asked or Asked())


def test_a_usual_file_leaves_nothing_to_ask() -> None:
    """Image, variables, services, port and path stand there."""
    asked = Asked()
    made = drawn(
        asked,
        db={"image": "postgres:16"},
        worker={"image": IMAGE},
        web={"image": IMAGE, "ports": PUBLISHED, "healthcheck": CURL},
    )
    assert (made.name, made.services, made.fixed_port) == ("sandmatch", ["web", "worker"], True)
    assert (made.image, made.image_env, made.tag_env) == (
        "${WEB_IMAGE:-ghcr.io/ekimteam/sandmatch/web}",
        "WEB_IMAGE",
        "WEB_IMAGE_TAG",
    )
    assert made.probe == {"type": "http", "port": 8000, "path": "/api/health/", "service": "web"}
    assert asked.options == []


@pytest.mark.parametrize(
    ("image", "repository", "image_env", "tag_env"),
    [
        ("ghcr.io/x/web:${TAG}", "ghcr.io/x/web", None, "TAG"),
        ("ghcr.io/x/web:$TAG", "ghcr.io/x/web", None, "TAG"),
        ("localhost:5000/web:${TAG-latest}", "localhost:5000/web", None, "TAG"),
        ("${REPO-web}:v1", "${REPO-web}", "REPO", None),
        ("web:v1", "web", None, None),
        ("web", "web", None, None),
        ("web:${MAJOR}.${MINOR}", "web", None, None),
    ],
)
def test_the_image_is_taken_apart(image: str, repository: str, image_env: str | None, tag_env: str | None) -> None:
    """Into the repository and the variables that carry it."""
    made = drawn(web={"image": image})
    assert (made.image, made.image_env, made.tag_env) == (repository, image_env, tag_env)


@pytest.mark.parametrize("image", ["${REPO}:v1", "${REPO:?set it}:v1", "$REPO:v1", "${REPO:-${OTHER}}:v1"])
def test_an_image_that_the_file_does_not_say_is_asked_for(image: str) -> None:
    """A variable without a default."""
    asked = Asked(image="ghcr.io/x/web")
    assert drawn(asked, web={"image": image}).image == "ghcr.io/x/web"
    assert asked.options == ["--image"]


def test_among_several_images_somebody_has_to_choose() -> None:
    """Unless only one has a variable in it."""
    asked = Asked(service="b")
    assert drawn(asked, a={"image": "a:$A"}, b={"image": "b:$B"}, c={"image": "c:1"}).services == ["b"]
    assert asked.options == ["--service"]
    with pytest.raises(ConfigError, match="no such service: 'x'"):
        drawn(Asked(service="x"), a={"image": "a:1"}, b={"image": "b:1"})


def test_the_service_that_was_named_is_the_one() -> None:
    """Also where the file alone would say another, and nothing is asked; one that is not there is refused."""
    asked, services = Asked(), model(a={"image": "a:$A"}, b={"image": "b:1"})
    assert draft(services, "compose.yaml", asked, "b").services == ["b"]
    assert "--service" not in asked.options
    with pytest.raises(ConfigError, match="no such service: 'nosuch'"):
        draft(services, "compose.yaml", asked, "nosuch")


def test_a_file_without_an_image_is_refused() -> None:
    """A build alone cannot be deployed."""
    with pytest.raises(ConfigError, match="no service of the compose file has an image"):
        drawn(web={"build": "."})


@pytest.mark.parametrize(
    ("service", "probe", "fixed"),
    [
        ({"ports": ["8000:80"]}, {"type": "http", "port": 80, "path": "/up"}, True),
        ({"ports": ["127.0.0.1:8000:80/tcp"]}, {"type": "http", "port": 80, "path": "/up"}, True),
        ({"ports": ["80"]}, {"type": "http", "port": 80, "path": "/up"}, False),
        ({"ports": [{"target": 80}]}, {"type": "http", "port": 80, "path": "/up"}, False),
        ({"healthcheck": {"test": "curl http://127.0.0.1/ok"}}, {"type": "http", "port": 80, "path": "/ok"}, False),
        ({"healthcheck": {"test": ["CMD", "pg_isready"]}}, {"type": "container"}, False),
        ({"healthcheck": {"test": "curl http://other/ok"}}, {"type": "container"}, False),
        ({}, None, False),
        ({"ports": ["${PORT}"]}, None, False),
    ],
)
def test_the_probe_is_found_out(service: dict[str, Any], probe: dict[str, Any] | None, *, fixed: bool) -> None:
    """From the healthcheck, else from the ports; only a path that nobody says is asked for."""
    made = drawn(Asked(path="/up"), web={"image": "web:$TAG", **service})
    assert (made.probe, made.fixed_port) == (probe, fixed)


@pytest.mark.parametrize(
    "service",
    [{"ports": PUBLISHED, "healthcheck": CURL}, {"healthcheck": {"test": ["CMD", "true"]}}, {}],
    ids=["http", "container", "none"],
)
def test_what_is_written_can_be_read(service: dict[str, Any], tmp_path: Path) -> None:
    """It says what was drawn, whatever the names."""
    (tmp_path / "com$pose.yaml").write_text("")
    made = draft(model(web={"image": IMAGE, **service}, other={"image": IMAGE}), "com$pose.yaml", Asked())
    path = tmp_path / "deploykit.toml"
    path.write_text(toml(made))
    config = read_config(path, {})
    assert (config.app.image, config.backend.services) == ("ghcr.io/ekimteam/sandmatch/web", ("web", "other"))
    assert ("strategy" in path.read_text()) is not made.fixed_port
    probes = [probe for probe in config.probes if isinstance(probe, HttpTable)]
    assert [(one.port, one.path, one.service) for one in probes] == (
        [(8000, "/api/health/", "web")] if "ports" in service else []
    )
