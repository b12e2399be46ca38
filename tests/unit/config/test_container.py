"""The keys of a `docker` backend: written as in a compose file, and arriving as the settings of its containers."""

from pathlib import Path
from typing import Any

import pytest

from deploykit.backends.docker import ContainerSettings, DockerBackend, Healthcheck
from deploykit.config import read_config
from deploykit.config.container import fixed_port, shared_writable
from deploykit.errors import ConfigError
from deploykit.wiring import wire

BASE = '[app]\nname = "shop"\nimage = "shop"\n[backend]\ntype = "docker"\n'


def settings(folder: Path, backend: str, **environment: str) -> ContainerSettings:
    (folder / "shop.toml").write_text(f"{BASE}{backend}\n")
    found = wire(read_config(folder / "shop.toml", environment)).backend
    assert isinstance(found, DockerBackend)
    return found.settings


def error(folder: Path, backend: str, rest: str = "") -> str:
    (folder / "shop.toml").write_text(f"{BASE}{backend}\n{rest}\n")
    with pytest.raises(ConfigError) as caught:
        read_config(folder / "shop.toml", {})
    message = str(caught.value)
    assert message.startswith(f"{folder / 'shop.toml'}: ")
    return message.removeprefix(f"{folder / 'shop.toml'}: ")


def test_nothing_has_to_be_said(tmp_path: Path) -> None:
    """One container, started again but when it was stopped, all else the image's."""
    assert settings(tmp_path, "") == ContainerSettings()


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("replicas = 3", "replicas", 3),
        (
            'ports = ["127.0.0.1:80:8000", 9000, "[::1]:1:2/udp"]',
            "ports",
            ("127.0.0.1:80:8000", "9000", "[::1]:1:2/udp"),
        ),
        (
            'environment = { A = "x", B = 1, C = true, D = 1.5 }',
            "environment",
            {"A": "x", "B": "1", "C": "true", "D": "1.5"},
        ),
        ('environment = ["A=x=y", "B=", "C"]', "environment", {"A": "x=y", "B": "", "C": None}),
        ('environment = { A = "5$$" }', "environment", {"A": "5$"}),
        ('volumes = ["data:/data:ro", "/a:/b", "/c"]', "volumes", ("data:/data:ro", "/a:/b", "/c")),
        ('networks = ["front", "back"]', "networks", {"front": ("shop",), "back": ("shop",)}),
        (
            'networks = { a = {}, b = { aliases = ["web"] }, c = { aliases = [] } }',
            "networks",
            {"a": ("shop",), "b": ("shop", "web"), "c": ()},
        ),
        ("command = \"serve --name 'a b'\"", "command", ("serve", "--name", "a b")),
        ('command = ["serve", "a b"]', "command", ("serve", "a b")),
        ('entrypoint = "sh -c"', "entrypoint", ("sh", "-c")),
        ("entrypoint = []", "entrypoint", ()),
        ('user = "app:app"', "user", "app:app"),
        ("user = 1000", "user", "1000"),
        ("labels = { tier = 1 }", "labels", {"tier": "1"}),
        ('labels = ["a=b=c"]', "labels", {"a": "b=c"}),
        ('restart = "on-failure:3"', "restart", "on-failure:3"),
        ('mem_limit = "512m"', "mem_limit", "512m"),
        ("mem_limit = 1000000", "mem_limit", "1000000"),
        ("cpus = 1", "cpus", 1.0),
        ('stop_grace_period = "1m30s"', "stop_grace_period", 90),
        ("stop_grace_period = 5", "stop_grace_period", 5),
        ('extra_hosts = ["db:10.0.0.5", "me:host-gateway"]', "extra_hosts", ("db:10.0.0.5", "me:host-gateway")),
        ('extra_hosts = { db = "::1" }', "extra_hosts", ("db:::1",)),
        ('logging = { driver = "local" }', "logging_driver", "local"),
        ("logging = { options = { max-file = 3 } }", "logging_options", {"max-file": "3"}),
        ('healthcheck = { test = "a || b" }', "healthcheck", Healthcheck("a || b")),
        ('healthcheck = { test = ["CMD", "a", "b c"] }', "healthcheck", Healthcheck("a 'b c'")),
        ('healthcheck = { test = ["CMD-SHELL", "a | b"] }', "healthcheck", Healthcheck("a | b")),
        ('healthcheck = { test = ["NONE"] }', "healthcheck", Healthcheck(disable=True)),
        ("healthcheck = { disable = true }", "healthcheck", Healthcheck(disable=True)),
        (
            'healthcheck = { interval = "1m30s", timeout = 2, start_period = 0.5, retries = 3 }',
            "healthcheck",
            Healthcheck(None, False, "1m30s", "2s", "0.5s", 3),
        ),
    ],
)
def test_a_key_is_written_as_in_a_compose_file(tmp_path: Path, line: str, key: str, value: Any) -> None:
    """In its short form or its long one."""
    assert getattr(settings(tmp_path, line), key) == value


def test_paths_begin_at_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of env files and of volumes; `~` is the user's own folder."""
    monkeypatch.setenv("HOME", "/home/ann")
    one = settings(
        tmp_path, 'env_file = "a.env"\nvolumes = ["./x:/x", "../y:/y:ro", "~/z:/z", "."]'.replace(', "."', "")
    )
    assert one.env_file == (str(tmp_path / "a.env"),)
    assert one.volumes == (f"{tmp_path}/x:/x", f"{tmp_path.parent}/y:/y:ro", "/home/ann/z:/z")
    two = settings(tmp_path, 'env_file = ["a.env", "/b.env"]')
    assert two.env_file == (str(tmp_path / "a.env"), "/b.env")


def test_variables_are_filled_in(tmp_path: Path) -> None:
    """As everywhere in the file."""
    found = settings(tmp_path, 'environment = { A = "${X:-none}" }\nports = ["${PORT}:80"]', PORT="8080")
    assert (found.environment, found.ports) == ({"A": "none"}, ("8080:80",))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("replicas = 0", "backend.replicas: must be at least 1, got 0"),
        ('ports = ["web:80"]', "backend.ports[0]: not a port: 'web:80'"),
        ('ports = "80:80"', "backend.ports: expected a list, got '80:80'"),
        ("environment = 3", "backend.environment: expected a table, got 3"),
        ("environment = { A = [] }", "backend.environment.A: expected a text, got a list"),
        ('environment = ["A B=1"]', "backend.environment: not a variable: 'A B'"),
        ('environment = { "" = "1" }', "backend.environment: not a variable: ''"),
        ('environment = { "#A" = "1" }', "backend.environment: not a variable: '#A'"),
        ('environment = { A = "\\u0000" }', "backend.environment: not a variable: 'A'"),
        ('env_file = ""', "backend.env_file[0]: is empty"),
        ('volumes = ["data"]', "backend.volumes[0]: not a volume: 'data'"),
        ('volumes = ["data:data"]', "backend.volumes[0]: not a volume: 'data:data'"),
        ('networks = ["a b"]', "backend: not a network's name: 'a b'"),
        ("networks = { a = { alias = [] } }", "backend.networks.a.alias: unknown key; did you mean"),
        ('command = "a \'b"', "backend.command: not a command: No closing quotation"),
        ("command = [1]", "backend.command[0]: expected a text, got 1"),
        ("user = []", "backend.user: expected a text, got a list"),
        ('restart = "sometimes"', "backend.restart: not a restart policy: 'sometimes'"),
        ('mem_limit = "much"', "backend.mem_limit: not an amount of memory: 'much'"),
        ("cpus = 0", "backend.cpus: must be more than 0, got 0"),
        ('stop_grace_period = "soon"', "backend.stop_grace_period: not a duration: 'soon'"),
        ("stop_grace_period = -1", "backend.stop_grace_period: not a duration: -1"),
        ('extra_hosts = ["db"]', "backend.extra_hosts[0]: not a host and its address: 'db'"),
        ('logging = "local"', "backend.logging: expected a table, got 'local'"),
        ('healthcheck = { test = ["curl"] }', "backend.healthcheck: test starts with none of CMD, CMD-SHELL and NONE"),
        ("healthcheck = { test = 3 }", "backend.healthcheck: test is a text, or a list of texts"),
        ('healthcheck = { interval = "often" }', "backend.healthcheck.interval: not a duration: 'often'"),
        ("healthcheck = { retries = 0 }", "backend.healthcheck.retries: must be at least 1, got 0"),
        ("enviroment = {}", "backend.enviroment: unknown key; did you mean backend.environment?"),
        ('file = "c.yml"', "backend.file: a key of type compose or swarm alone"),
        ('service = "a b"', "backend.service: not a service name: 'a b'"),
        ('adopt = "a b"', "backend.adopt: not a container's name: 'a b'"),
        ('host = "unix:///x"\ncontext = "y"', "backend: give either host or context, not both"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_key(tmp_path: Path, line: str, told: str) -> None:
    """In words."""
    assert error(tmp_path, line).startswith(told)


ROLLING = 'strategy = "rolling"\n'


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('ports = ["80:8000"]', "backend.ports[0]: 80:8000: two instances cannot have one port of the machine"),
        ('volumes = ["data:/data"]', "backend.volumes[0]: data:/data"),
        ('networks = ["host"]', "backend.networks"),
    ],
)
def test_what_cannot_stand_twice_cannot_roll(tmp_path: Path, line: str, told: str) -> None:
    """It is said which, and what to do."""
    assert error(tmp_path, ROLLING + line).startswith(told)
    settings(tmp_path, line)


@pytest.mark.parametrize("line", ['ports = ["8000"]', 'volumes = ["data:/data:ro", "/tmp"]', 'networks = ["front"]'])
def test_what_can_stand_twice_can_roll(tmp_path: Path, line: str) -> None:
    """A port that Docker chooses, a volume that is only read, a network."""
    settings(tmp_path, ROLLING + line)


def test_replicas_cannot_share_a_port(tmp_path: Path) -> None:
    """In place neither; one that Docker chooses is another for each."""
    told = "backend.ports[0]: 80:8000: 2 replicas cannot have one port of the machine"
    assert error(tmp_path, 'replicas = 2\nports = ["80:8000"]').startswith(told)
    settings(tmp_path, 'replicas = 2\nports = ["8000"]')


@pytest.mark.parametrize(
    ("port", "fixed"),
    [
        ("8000", False),
        ("80:8000", True),
        ("127.0.0.1:80:8000/tcp", True),
        ("127.0.0.1::8000", False),
        ("[::1]:80:8000", True),
        ("80-90:8000", False),
    ],
)
def test_which_ports_are_fixed(port: str, fixed: bool) -> None:
    """Those that name one port of the machine; of a range Docker takes a free one."""
    assert fixed_port(port) is fixed


@pytest.mark.parametrize(
    ("volume", "shared"), [("/data", False), ("a:/b", True), ("a:/b:ro", False), ("a:/b:z,ro", False), ("a:/b:z", True)]
)
def test_which_volumes_are_shared_and_written_to(volume: str, shared: bool) -> None:
    """One without a source is each container's own."""
    assert shared_writable(volume) is shared
