"""The config file: the design's example, and every way of writing it that is right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploykit.config import find_config, public, read_config
from deploykit.config.model import ComposeTable, ProcessTable
from deploykit.config.probes import CommandTable, HttpTable, TcpTable
from deploykit.errors import ConfigError
from tests.unit.made import targets_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploykit.config import Config

EXAMPLES = Path(__file__).parents[2] / "examples"
EXAMPLE = (EXAMPLES / "sandmatch" / "sandmatch.toml").read_text("utf-8")
MINIMAL = """\
[app]
name = "shop"
image = "shop"
[backend]
type = "process"
command = ["./serve"]
"""


def read(folder: Path, text: str, environment: Mapping[str, str] | None = None) -> Config:
    (folder / "app.toml").write_text(text, "utf-8")
    return read_config(folder / "app.toml", environment or {})


def test_the_example_of_the_design_loads_as_it_stands(tmp_path: Path) -> None:
    """The documented example is read, each of its keys to its value."""
    config = read(tmp_path, EXAMPLE)
    assert isinstance(config.backend, ComposeTable)
    assert config.app.image == "ghcr.io/ekimteam/sandmatch/web"
    assert config.backend.compose_files == ("docker-compose.prod.yml",)
    assert (config.health.attempts, config.health.interval) == (30, 2.0)
    (probe,) = config.probes
    assert isinstance(probe, HttpTable)
    assert probe.require == {"ok": True, "checks.database": True}


CONFIGS = sorted(path for path in EXAMPLES.rglob("*.toml") if path.name != "pyproject.toml")


@pytest.mark.usefixtures("example_plugin")
@pytest.mark.parametrize("example", CONFIGS, ids=lambda path: path.name)
def test_every_example_loads(example: Path) -> None:
    """Every config file of the examples is one."""
    for target in targets_of(example):
        assert read_config(example, {}, target).app.name


def test_what_is_not_written_has_its_default(tmp_path: Path) -> None:
    """Six lines are a config: the rest is the script's 30 looks, 2 s apart."""
    config = read(tmp_path, MINIMAL)
    assert isinstance(config.backend, ProcessTable)
    assert (config.health.attempts, config.health.interval, config.probes) == (30, 2.0, ())
    assert config.rollback.auto
    assert config.path(config.state.dir) == tmp_path / ".deploykit"


def test_variables_are_filled_in_from_the_environment(tmp_path: Path) -> None:
    """A variable of the environment goes before the default in the file."""
    assert read(tmp_path, EXAMPLE, {"WEB_IMAGE": "other/web"}).app.image == "other/web"


def test_the_tag_is_read_only_when_it_is_needed(tmp_path: Path) -> None:
    """A config loads without the tag's variable; asking for the tag then names file, key and variable."""
    config = read(tmp_path, EXAMPLE)
    with pytest.raises(ConfigError, match=r"app\.toml: app\.tag: WEB_IMAGE_TAG is not set: pass --tag"):
        config.tag()
    assert read(tmp_path, EXAMPLE, {"WEB_IMAGE_TAG": "main-abc123"}).tag() == "main-abc123"


@pytest.mark.parametrize(("value", "message"), [("a b", "not an image tag: 'a b'"), ("${NONE}", "is empty")])
def test_a_tag_that_is_none_names_its_key(tmp_path: Path, value: str, message: str) -> None:
    """A malformed or empty tag of the file is an error of `app.tag`."""
    config = read(tmp_path, MINIMAL.replace("[backend]", f'tag = "{value}"\n[backend]'))
    with pytest.raises(ConfigError, match=f"app.toml: app.tag: {message}"):
        config.tag()


def test_every_kind_of_probe_is_read(tmp_path: Path) -> None:
    """Probes of every type are read, with their service, and one status stands for a list of one."""
    more = """
[[health.probe]]
type = "http"
port = 8000
path = "/health"
status = 204
[[health.probe]]
type = "tcp"
port = 5432
[[health.probe]]
type = "container"
service = "app"
[[health.probe]]
type = "command"
argv = ["./manage.py", "check"]
"""
    http, tcp, container, command = read(tmp_path, MINIMAL + more).probes
    assert isinstance(http, HttpTable)
    assert http.status == (204,)
    assert isinstance(tcp, TcpTable)
    assert container.service == "app"
    assert isinstance(command, CommandTable)
    assert command.argv == ("./manage.py", "check")


def test_a_dotted_key_without_quotes_is_a_path_too(tmp_path: Path) -> None:
    """`checks.database = true` means what `"checks.database" = true` means, though TOML nests it."""
    text = EXAMPLE.replace('"ok" = true, "checks.database" = true', "ok = true, checks.database = true")
    (probe,) = read(tmp_path, text).probes
    assert isinstance(probe, HttpTable)
    assert probe.require == {"ok": True, "checks.database": True}


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    """A file saved by a Windows editor is a config like any other."""
    assert read(tmp_path, "\ufeff" + MINIMAL.replace("\n", "\r\n")).app.name == "shop"


def test_what_is_shown_has_no_secrets(tmp_path: Path) -> None:
    """The config that is shown has absolute paths, the tag as it is written, and no secret."""
    text = EXAMPLE.replace("Host =", 'Authorization = "Bearer ${API_TOKEN}", Host =')
    text = text.replace("http://localhost", "http://user:pw@localhost").replace("/api/", "/${API_TOKEN}/")
    shown = public(read(tmp_path, text, {"API_TOKEN": "hunter2"}))
    assert "hunter2" not in str(shown)
    assert "pw@" not in str(shown)
    assert shown["health"]["probe"][0]["headers"]["Host"] == "sandmatch.example"
    assert shown["backend"]["file"] == str(tmp_path / "docker-compose.prod.yml")
    assert shown["app"]["tag"] == "${WEB_IMAGE_TAG:?pass --tag}"


def test_discovery_prefers_the_environment_then_the_usual_name(tmp_path: Path) -> None:
    """$DEPLOYKIT_CONFIG goes before deploykit.toml, and that before any other config."""
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "broken.toml").write_text("[")
    (tmp_path / "shop.toml").write_text(MINIMAL)
    assert find_config({}, tmp_path) == tmp_path / "shop.toml"
    (tmp_path / "deploykit.toml").write_text(MINIMAL)
    assert find_config({}, tmp_path) == tmp_path / "deploykit.toml"
    assert str(find_config({"DEPLOYKIT_CONFIG": "/x/y.toml"}, tmp_path)) == "/x/y.toml"


def test_discovery_guesses_nothing(tmp_path: Path) -> None:
    """Without a config, and with two, nothing is taken."""
    with pytest.raises(ConfigError, match="no config file here"):
        find_config({}, tmp_path)
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text(MINIMAL)
    with pytest.raises(ConfigError, match=r"a\.toml, b\.toml"):
        find_config({}, tmp_path)
