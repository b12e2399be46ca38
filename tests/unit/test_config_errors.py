"""Everything that can be wrong in a config file, and the words for it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from deploykit.config import read_config
from deploykit.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

BASE = {
    "app": 'name = "shop"\nimage = "shop"\n',
    "backend": 'type = "compose"\nfile = "c.yml"\nservices = ["web"]\n',
    "health": "",
    "health.probe": 'type = "http"\nurl = "http://127.0.0.1:1/"\n',
    "rollback": "",
    "state": "",
}


def text(table: str = "", line: str = "", *, instead: str = "") -> str:
    """Write the base config with one more line in a table, or one in another's stead."""
    tables = {**BASE}
    if instead:
        old = next(one for one in BASE[table].splitlines() if one.startswith(f"{instead} ="))
        tables[table] = tables[table].replace(f"{old}\n", f"{line}\n" if line else "")
    elif table:
        tables[table] = tables.get(table, "") + f"{line}\n"
    heads = {name: f"[[{name}]]" if name == "health.probe" else f"[{name}]" for name in tables}
    return "".join(f"{heads[name]}\n{body}" for name, body in tables.items())


def error(folder: Path, content: str | bytes, **environment: str) -> ConfigError:
    (folder / "app.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as caught:
        read_config(folder / "app.toml", environment)
    return caught.value


@pytest.mark.parametrize(
    ("table", "line", "message"),
    [
        ("app", "nmae = 1", "app.nmae: unknown key; did you mean app.name?"),
        ("backend", "servces = []", "backend.servces: unknown key; did you mean backend.services?"),
        ("health", "atempts = 1", "health.atempts: unknown key; did you mean health.attempts?"),
        ("health.probe", "header = {}", "health.probe[0].header: unknown key; did you mean health.probe[0].headers?"),
        ("helth", "", "helth: unknown key; did you mean health?"),
        ("rollback", "zzz = 1", "rollback.zzz: unknown key"),
        ("health", 'attempts = "two"', "health.attempts: expected a whole number, got 'two'"),
        ("health", "attempts = 2.5", "health.attempts: expected a whole number, got 2.5"),
        ("health", "attempts = true", "health.attempts: expected a whole number, got true"),
        ("health", "attempts = 0", "health.attempts: must be at least 1, got 0"),
        ("health", 'interval = "two"', "health.interval: expected a number, got 'two'"),
        ("health", "interval = 0", "health.interval: must be more than 0, got 0"),
        ("health", "interval = inf", "health.interval: expected a number, got inf"),
        ("health", "stable_for = -1", "health.stable_for: must be at least 0, got -1"),
        ("rollback", 'auto = "yes"', "rollback.auto: expected true or false, got 'yes'"),
        ("rollback", 'previous_tag_file = ""', "rollback.previous_tag_file: is empty"),
        ("backend", 'strategy = "roling"', "backend.strategy: expected 'recreate' or 'rolling', got 'roling'"),
        ("backend", 'pull = "sometimes"', "backend.pull: expected 'always', 'missing' or 'never', got 'sometimes'"),
        ("backend", 'image_env = "WEB-IMAGE"', "backend.image_env: not a variable's name: 'WEB-IMAGE'"),
        ("backend", 'release_command = "x"', "backend.release_command: expected a list, got 'x'"),
        ("backend", "release_timeout = 0", "backend.release_timeout: must be more than 0, got 0"),
        ("backend", "parallelism = -1", "backend.parallelism: must be at least 0, got -1"),
        ("backend", "parallelism = 1.5", "backend.parallelism: expected a whole number, got 1.5"),
        ("backend", "drain = -1", "backend.drain: must be at least 0, got -1"),
        ("backend", 'pre_stop = "nginx -s quit"', "backend.pre_stop: expected a list, got 'nginx -s quit'"),
        ("backend", "recreate_services = [1]", "backend.recreate_services[0]: expected a text, got 1"),
        ("backend", "replicas = 2", "backend.replicas: a key of type docker alone"),
        ("backend", 'files = ["d.yml"]', "backend: give either file or files"),
        ("backend", 'host = "unix:///a"\ncontext = "b"', "backend: give either host or context, not both"),
        ("health.probe", "headers = 3", "health.probe[0].headers: expected a table, got 3"),
        ("health.probe", "headers = { A = 3 }", "health.probe[0].headers.A: expected a text, got 3"),
        ("health.probe", "timeout = []", "health.probe[0].timeout: expected a number, got a list"),
        ("health.probe", 'service = "db"', "health.probe[0].service: 'db' is not one of backend.services"),
        ("health.probe", "status = []", "health.probe[0].status: is empty"),
    ],
)
def test_the_message_names_file_key_and_what_is_wrong(tmp_path: Path, table: str, line: str, message: str) -> None:
    """Each mistake is told in words, with file and key, and the key that was meant where one is near."""
    assert str(error(tmp_path, text(table, line))).startswith(f"{tmp_path / 'app.toml'}: {message}")


@pytest.mark.parametrize(
    ("table", "instead", "line", "message"),
    [
        ("app", "name", "", "app.name: is missing"),
        ("app", "name", 'name = ""', "app.name: is empty"),
        ("app", "name", 'name = "Shop"', "app.name: not an app name: 'Shop'"),
        ("app", "name", 'name = "a/../b"', "app.name: not an app name: 'a/../b'"),
        ("app", "name", 'name = "a\\n"', "app.name: not an app name: 'a\\n'"),
        ("app", "name", "name = 3", "app.name: expected a text, got 3"),
        ("app", "image", 'image = "A B"', "app.image: not an image repository: 'A B'"),
        ("app", "image", 'image = "${WEB_IMAGE}"', "app.image: is empty"),
        ("app", "image", 'image = "${WEB_IMAGE:?}"', "app.image: WEB_IMAGE is not set"),
        ("app", "image", 'image = "${WEB"', "app.image: a '${' without its '}'"),
        ("backend", "type", "", "backend.type: is missing"),
        (
            "backend",
            "type",
            'type = "composr"',
            "backend.type: expected 'compose' or 'docker' or 'process' or 'swarm', got 'composr'; did you",
        ),
        ("backend", "services", "services = []", "backend.services: is empty"),
        ("backend", "services", 'services = "web"', "backend.services: expected a list, got 'web'"),
        ("backend", "services", "services = [1]", "backend.services[0]: expected a text, got 1"),
        ("backend", "services", 'services = ["a b"]', "backend.services[0]: not a service name: 'a b'"),
        ("backend", "services", 'services = ["a", "a"]', "backend: services names one twice"),
        ("backend", "file", 'file = "a\\u0000b"', "backend.file: not a path: 'a\\x00b'"),
        ("health.probe", "type", 'type = "https"', "health.probe[0].type: expected"),
    ],
)
def test_a_value_that_is_needed_is_told(tmp_path: Path, table: str, instead: str, line: str, message: str) -> None:
    """A key that is missing, empty or malformed is told with file and key."""
    found = str(error(tmp_path, text(table, line, instead=instead)))
    assert found.startswith(f"{tmp_path / 'app.toml'}: {message}")


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Two mistakes in two tables are in one message."""
    found = str(error(tmp_path, text("health", "atempts = 1").replace('name = "shop"', "name = 1")))
    assert "app.name" in found
    assert "health.atempts" in found


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'[app]\nname = "x\n', "is not valid TOML: .*line 2"),
        (b"[app]\nname = '\xff'\n", "is not valid TOML: line 2 is not UTF-8"),
        (b"a = " + b"[" * 50000, "is not valid TOML: nested too deeply"),
        (b"#" * (1 << 20) + b"#", "is too large"),
        (b"app = 3\n", "app: expected a table, got 3"),
        (b"[backend]\ntype = 3\n", "backend.type: expected 'compose' or 'docker' or 'process' or 'swarm', got 3"),
        (b"[health]\nprobe = 3\n", "health.probe: expected a list of tables"),
        (b"[health]\nprobe = [3]\n", r"health.probe\[0\]: expected a table, got 3"),
        (b"", "app.name: is missing"),
    ],
)
def test_a_file_that_is_no_config_is_told(tmp_path: Path, content: bytes, message: str) -> None:
    """What is no TOML, or has tables of another shape, is one message with the place."""
    assert error(tmp_path, content).exit_code == 2
    with pytest.raises(ConfigError, match=message):
        read_config(tmp_path / "app.toml", {})


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A missing file and a folder in its place are named."""
    with pytest.raises(ConfigError, match=r"there is no config file .*nosuch"):
        read_config(tmp_path / "nosuch.toml", {})
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_config(tmp_path, {})


def test_no_message_has_a_secret_in_it(tmp_path: Path) -> None:
    """What a variable holds is in no message: neither a wrong type nor a malformed name shows it."""
    wrong = text("app", 'image = "${DB_PASSWORD} x"', instead="image")
    assert "hunter2" not in str(error(tmp_path, wrong, DB_PASSWORD="hunter2"))
    typed = text("health", 'attempts = "${DB_PASSWORD}"')
    assert "hunter2" not in str(error(tmp_path, typed, DB_PASSWORD="hunter2"))
    header = text("health.probe", "headers = { Authorization = 12345 }")
    assert "12345" not in str(error(tmp_path, header))


def test_an_unset_variable_is_named_in_the_hint(tmp_path: Path) -> None:
    """Where a value is empty since a variable is not set, the hint names that."""
    assert "WEB_IMAGE" in error(tmp_path, text("app", 'image = "${WEB_IMAGE}"', instead="image")).hint


REMOTE = "ssh://deploy@example.org"


@pytest.mark.parametrize(
    ("probe", "key"),
    [
        ('type = "http"\nurl = "http://localhost:8000/"\n', "url"),
        ('type = "http"\nurl = "http://127.0.0.1:8000/"\n', "url"),
        ('type = "http"\nurl = "http://[::1]:8000/"\n', "url"),
        ('type = "http"\nurl = "http://{host}:8000/"\n', "url"),
        ('type = "http"\nport = 8000\n', "port"),
        ('type = "tcp"\nport = 8000\n', "port"),
        ('type = "tcp"\nport = 8000\nhost = "localhost"\n', "host"),
    ],
)
def test_a_probe_of_this_machine_means_nothing_for_a_remote_engine(tmp_path: Path, probe: str, key: str) -> None:
    """With a remote engine a loopback URL and an instance's own address are refused."""
    content = text("state", 'store = "local"').replace(BASE["health.probe"], probe)
    content = content.replace("services", f'host = "{REMOTE}"\nservices')
    found = str(error(tmp_path, content))
    assert f"health.probe[0].{key}: means nothing from here" in found


@pytest.mark.parametrize("probe", ['type = "container"\n', 'type = "http"\nurl = "https://shop.example/"\n'])
def test_a_remote_engine_is_fine_with_what_can_be_seen_from_here(tmp_path: Path, probe: str) -> None:
    """With a remote engine a container probe and a public URL are taken, once the state's place is said."""
    content = text().replace(BASE["health.probe"], probe).replace("services", f'host = "{REMOTE}"\nservices')
    assert "state.store: must be said" in str(error(tmp_path, content))
    (tmp_path / "app.toml").write_text(content.replace("[state]\n", '[state]\nstore = "local"\n'))
    read_config(tmp_path / "app.toml", {})


def test_the_engine_of_the_environment_counts(tmp_path: Path) -> None:
    """DOCKER_HOST makes the engine remote as much as a key of the file; a unix socket is local."""
    assert "engine is remote" in str(error(tmp_path, text(), DOCKER_HOST="tcp://10.0.0.1:2375"))
    read_config(tmp_path / "app.toml", {"DOCKER_HOST": "unix:///run/user/1000/docker.sock"})


def test_a_docker_context_is_looked_up(tmp_path: Path) -> None:
    """A context that leads to another machine is remote; docker is not asked for it."""
    from hashlib import sha256

    meta = tmp_path / "contexts" / "meta" / sha256(b"prod").hexdigest()
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(f'{{"Endpoints": {{"docker": {{"Host": "{REMOTE}"}}}}}}')
    content = text("backend", 'context = "prod"')
    assert REMOTE in str(error(tmp_path, content, DOCKER_CONFIG=str(tmp_path)))
    (tmp_path / "config.json").write_text('{"currentContext": "prod"}')
    assert REMOTE in str(error(tmp_path, text(), DOCKER_CONFIG=str(tmp_path)))


def test_a_date_is_no_json(tmp_path: Path) -> None:
    """A date of TOML can be no value of JSON; the probe says so, and the file is read all the same."""
    (tmp_path / "app.toml").write_text(text("health.probe", "require = { a = 2026-01-01 }"))
    (probe,) = read_config(tmp_path / "app.toml", {}).probes
    assert probe.model_dump()["require"] == {"a": dt.date(2026, 1, 1)}
