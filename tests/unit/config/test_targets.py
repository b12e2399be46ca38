"""`[target.NAME]`: what it makes of the file, and what is refused."""

import json
from pathlib import Path

import pytest

from deploykit.config import Config, read_config
from deploykit.config.model import ComposeTable, DockerTable, ProcessTable
from deploykit.config.probes import HttpTable
from deploykit.errors import ConfigError

BASE = """\
[app]
name = "shop"
image = "example.org/shop"
[backend]
type = "compose"
file = "compose.yml"
services = ["web"]
[health]
attempts = 7
[[health.probe]]
type = "http"
url = "http://127.0.0.1:1/"
[notify]
url = "${HOOK:-https://hooks.test/base}"
headers = { A = "base", B = "base" }
"""
BOTH = (
    BASE
    + """\
[target.staging.backend]
project = "shop-staging"
[target.production.app]
tag = "stable"
[target.production.backend]
host = "${PRODUCTION:-ssh://prod}"
[target.production.health]
interval = 1.0
[[target.production.health.probe]]
type = "http"
url = "https://shop.example/"
[[target.production.health.probe]]
type = "container"
[target.production.notify.headers]
B = "production"
[target.production.state]
store = "local"
"""
)


def read(folder: Path, text: str, target: str | None = None, **environment: str) -> Config:
    (folder / "app.toml").write_text(text)
    return read_config(folder / "app.toml", environment, target)


def refusal(folder: Path, text: str, target: str | None = None, **environment: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(folder, text, target, **environment)
    return f"{caught.value} ({caught.value.hint})".removeprefix(str(folder / "app.toml")).removeprefix(": ")


def test_tables_are_laid_over_those_of_the_file(tmp_path: Path) -> None:
    """Key by key; lists and single values take the place of the file's; the rest is the file's."""
    config = read(tmp_path, BOTH, "production")
    assert config.target == "production"
    assert isinstance(config.backend, ComposeTable)
    assert (config.backend.host, config.backend.services) == ("ssh://prod", ("web",))
    assert (config.health.attempts, config.health.interval) == (7, 1.0)
    assert [probe.type for probe in config.probes] == ["http", "container"]
    assert config.notify.headers == {"A": "base", "B": "production"}
    assert config.tag() == "stable"
    (probe,) = read(tmp_path, BOTH, "staging").probes
    assert isinstance(probe, HttpTable)
    assert probe.url == "http://127.0.0.1:1/"


def test_what_is_not_said_is_a_target_s_own(tmp_path: Path) -> None:
    """Name, state folder and tag file, made of the file's; without targets they are what they always were."""
    for target, said in (
        ("staging", ("shop-staging", ".deploykit/targets/staging", ".previous_image_tag.staging")),
        ("production", ("shop-production", ".deploykit/targets/production", ".previous_image_tag.production")),
    ):
        config = read(tmp_path, BOTH, target)
        assert (config.app.name, config.state.dir, config.rollback.previous_tag_file) == said
    config = read(tmp_path, BASE + '[state]\ndir = "/var/lib/shop"\n[target.a]\n', "a")
    assert config.state.dir == "/var/lib/shop/targets/a"
    config = read(tmp_path, BASE)
    assert (config.target, config.app.name, config.state.dir) == (None, "shop", ".deploykit")


def test_what_is_said_is_taken_as_it_is(tmp_path: Path) -> None:
    """So a target can go on with what was deployed before there were any."""
    kept = """[target.production]
app.name = "shop"
state.dir = ".deploykit"
rollback.previous_tag_file = ".previous_image_tag"
"""
    config = read(tmp_path, BASE + kept, "production")
    assert (config.app.name, config.state.dir) == ("shop", ".deploykit")
    assert config.rollback.previous_tag_file == ".previous_image_tag"


def test_a_backend_of_another_type_is_the_target_s_alone(tmp_path: Path) -> None:
    """Keys of the file's backend would mean nothing to it."""
    local = BASE + '[target.local.backend]\ntype = "process"\ncommand = ["./serve"]\n'
    assert isinstance(read(tmp_path, local, "local").backend, ProcessTable)
    assert refusal(tmp_path, local.replace("command", "# command"), "local").startswith(
        "target.local.backend.command: is missing"
    )


@pytest.mark.parametrize(("below", "over"), [("file", "files"), ("files", "file")])
def test_keys_of_which_one_can_be_said_take_each_other_s_place(tmp_path: Path, below: str, over: str) -> None:
    """A target with `files` has not the `file` as well; and with `context` not the `host`."""
    said = {"file": '"one.yml"', "files": '["one.yml"]'}
    text = BASE.replace('file = "compose.yml"', f'{below} = {said[below]}\nhost = "unix:///x"')
    backend = read(tmp_path, f'{text}[target.a.backend]\n{over} = {said[over]}\ncontext = "b"\n', "a").backend
    assert isinstance(backend, ComposeTable)
    assert (getattr(backend, below), backend.compose_files) == (None, ("one.yml",))
    assert (backend.host, backend.context) == (None, "b")


def test_variables_of_what_is_not_meant_need_not_be_set(tmp_path: Path) -> None:
    """Neither those of another target, nor those of a text that the target has in its own words."""
    text = BOTH.replace("${HOOK:-", "${HOOK:?}${X:-") + '[target.staging.notify]\nurl = "${STAGING_HOOK:?}"\n'
    assert read(tmp_path, text, "staging", STAGING_HOOK="https://hooks.test/s").notify.url == "https://hooks.test/s"
    assert "notify.url: HOOK is not set" in refusal(tmp_path, text, "production")
    assert refusal(tmp_path, text, "staging").startswith("target.staging.notify.url: STAGING_HOOK is not set")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("health.atempts = 1", "health.atempts: unknown key; did you mean target.staging.health.attempts?"),
        ("helth = {}", "helth: unknown key; did you mean target.staging.health?"),
        ("backend.file = 3", "backend.file: expected a text, got 3"),
        ('health.probe = [{ type = "tcp", prt = 1 }]', "health.probe[0].prt: unknown key; did you mean target.staging"),
        ('health.probe = [{ type = "tpc" }]', "health.probe[0].type: expected 'http'"),
        ('backend.recreate_services = ["x"]\nbackend.strategy = "rolling"', "backend.recreate_services: 'x' is not"),
        ('app.name = "Shop"', "app.name: not an app name: 'Shop'"),
        ("target.x = {}", "target: unknown key"),
    ],
)
def test_an_error_names_the_key_as_it_is_written(tmp_path: Path, line: str, said: str) -> None:
    """Below its target, in what is wrong and in what may have been meant."""
    assert f"target.staging.{said}" in refusal(tmp_path, f"{BASE}[target.staging]\n{line}\n", "staging")


def test_an_error_in_what_the_file_says_has_its_key(tmp_path: Path) -> None:
    """A target that says nothing of it is not blamed."""
    text = BOTH.replace("attempts = 7", 'attempts = "7"')
    assert refusal(tmp_path, text, "production").startswith("health.attempts: expected a whole number")


@pytest.mark.parametrize(
    "line",
    ["helth = {}", "health.atempts = 1", "health.attempts = '${N}'", "health.probe = '${X}'", "backend.pull = 'x'"],
)
def test_a_target_that_is_not_meant_is_checked_too(tmp_path: Path, line: str) -> None:
    """What is wrong with it is not found when it is needed."""
    said = refusal(tmp_path, f"{BASE}[target.a]\n[target.b]\nbackend.project = 'b'\n{line}\n", "a")
    assert said.startswith(f"target.b.{line.partition(' ')[0]}: ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[target."a b"]', "not a target's name: 'a b' (Of a-z 0-9 _ and -"),
        ("[target.Production]", "target.Production: not a target's name"),
        ("[target._x]", "not a target's name"),
        ('[target.""]', "not a target's name: ''"),
        ('[target]\nhost = "x"', "target.host: expected a table, got 'x' (Write [target.host].)"),
        ("[target]", "target: has no target in it"),
        ("[[target]]", "target: expected tables, got a list"),
    ],
)
def test_a_malformed_name_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """Whichever target is meant."""
    assert said in refusal(tmp_path, f"{BASE}{text}\n", "a")


def test_one_must_be_named(tmp_path: Path) -> None:
    """Else it says which there are, and which may have been meant."""
    assert refusal(tmp_path, BOTH) == (
        " has targets, and none was named: production, staging (Name it: -t NAME, or $DEPLOYKIT_TARGET.)"
    )
    for near in ("prodution", "prod"):
        said = f" has no target {near!r}; did you mean 'production'? (It has production, staging.)"
        assert refusal(tmp_path, BOTH, near) == said
    assert " has no target 'production', nor any other" in refusal(tmp_path, BASE, "production")


# What two of them may not share.

DOCKER = """\
[app]
name = "shop"
image = "example.org/shop"
[backend]
type = "docker"
"""


def two(base: str, first: str = "", second: str = "") -> str:
    return f"{base}[target.one]\n{first}\n[target.two]\n{second}\n"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (two(DOCKER, "state.dir = 'x'", "state.dir = './y/../x'"), "state folder '{folder}/x'"),
        (
            two(DOCKER, "rollback.previous_tag_file = 't'", "rollback.previous_tag_file = 't'"),
            "tag file '{folder}/t'",
        ),
        (two(DOCKER, "app.name = 'x'", "app.name = 'x'"), "name 'x' on one engine (unix:///var/run/docker.sock)"),
        (two(DOCKER + "adopt = 'old'\n"), "container 'old' on one engine"),
        (two(BASE), "Compose project '{project}' on one engine"),
        (two(BASE, "backend.host = 'ssh://a'", "backend.host = 'ssh://a'"), "(ssh://a)"),
        (two(BASE, "backend.file = 'a.yml'", "backend.file = 'b.yml'"), "Compose project '{project}'"),
        (two(BASE, "backend.project = 'x'", "backend.file = 'x.yml'"), "Compose project 'x'"),
        (two(BASE.replace("compose.yml", "stage.yml")), "Compose project 'shop-${{STAGE}}'"),
    ],
)
def test_two_targets_that_would_meet_are_refused(tmp_path: Path, text: str, what: str) -> None:
    """Each by itself, naming both, and how to give one its own. Docker is not asked."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "x.yml").write_text("name: x\n")
    (folder / "stage.yml").write_text("name: shop-${STAGE}\n")
    text = text.replace("ssh://a'", "ssh://a'\nstate.store = 'local'\nhealth.probe = []")
    wanted = what.format(folder=folder, project="shop")
    for meant, other in (("one", "two"), ("two", "one")):
        said = refusal(folder, text, meant)
        assert f"targets {meant} and {other} would share the " in said
        assert wanted in said
        assert f"[target.{other}." in said or "Say it in the one target that it is of." in said


@pytest.mark.parametrize(
    "text",
    [
        two(DOCKER),
        two(DOCKER + "adopt = 'old'\n", "backend.host = 'unix:///a'", "backend.host = 'unix:///b'"),
        two(BASE, "backend.project = 'x'", "backend.project = 'y'"),
        two(BASE, "backend.file = 'x.yml'"),
        two(BASE, "", "backend.file = 'sub/x.yml'"),
        two(BASE, "backend.context = 'here'", "backend.context = 'there'"),
        two(BASE, "", "backend.host = '${ELSEWHERE}'"),
        two(BASE, "", "backend.file = '${ELSEWHERE}.yml'"),
        two(BASE, "", "backend.type = 'process'\nbackend.command = ['x']"),
    ],
)
def test_those_that_do_not_meet_are_two(tmp_path: Path, text: str) -> None:
    """With names of their own, on engines of their own, or where that hangs on a variable that is not set."""
    (tmp_path / "x.yml").write_text("name: other\n")
    for target in ("one", "two"):
        if target == "one" or "ELSEWHERE" not in text:
            assert read(tmp_path, text, target).target == target


def test_a_claim_that_can_be_told_counts_beside_one_that_cannot(tmp_path: Path) -> None:
    """A secret of the other target that is not set here does not hide that they share a project."""
    text = two(BASE, "", "notify.url = '${SECRET:?}'\napp.image = '${IMAGE}'")
    assert "would share the Compose project" in refusal(tmp_path, text, "one")


def test_a_docker_target_is_read_like_any_other(tmp_path: Path) -> None:
    """Its containers and its network have the target's name."""
    config = read(tmp_path, two(DOCKER, "backend.ports = ['8000:80']"), "one")
    assert isinstance(config.backend, DockerTable)
    assert (config.app.name, config.backend.ports) == ("shop-one", ("8000:80",))


def test_no_value_of_a_variable_is_told(tmp_path: Path) -> None:
    """Not even of the target that is not meant."""
    text = two(BASE, "backend.project = 'x'", "backend.file = 3\nnotify.url = 'ftp://${SECRET}'")
    said = refusal(tmp_path, text, "one", SECRET="hunter2-hunter2")
    assert "target.two.backend.file: expected a text" in said
    assert "hunter2" not in json.dumps(said)
