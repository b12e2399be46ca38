"""What is wrong with a config whose values are each right."""

from pathlib import Path

import pytest

from deploykit.config import Config, read_config
from deploykit.config.checks import consistency
from deploykit.errors import ConfigError

BASE = """\
[app]
name = "shop"
image = "shop"
[backend]
type = "{type}"
{backend}
[health]
{health}
[state]
{state}
"""
COMPOSE = 'file = "c.yml"\nservices = ["web", "worker"]\n'
REMOTE = 'host = "ssh://prod"\n' + COMPOSE


def read(folder: Path, backend: str = COMPOSE, health: str = "", state: str = "", type: str = "compose") -> Config:  # noqa: A002 - the key
    text = BASE.format(type=type, backend=backend, health=health, state=state)
    (folder / "web.toml").write_text(text)
    return read_config(folder / "web.toml", {})


def wrong(folder: Path, backend: str = COMPOSE, health: str = "", state: str = "") -> str:
    with pytest.raises(ConfigError) as caught:
        read(folder, backend, health, state)
    return str(caught.value)


def test_nothing_is_wrong_with_a_plain_config(tmp_path: Path) -> None:
    """Also with what is not built yet said to be off, and with probes of both services."""
    probes = '[[health.probe]]\ntype = "tcp"\nport = 1\n[[health.probe]]\ntype = "tcp"\nport = 2\nservice = "worker"\n'
    backend = f'{COMPOSE}strategy = "recreate"\nrehearse = false\nrelease_command = []\n'
    assert consistency(read(tmp_path, backend, f"bake = 0\n{probes}")) == []


@pytest.mark.parametrize(
    ("backend", "health", "key"),
    [
        ('strategy = "rolling"', "", "backend.strategy"),
        ("rehearse = true", "", "backend.rehearse"),
        ('release_command = ["x"]', "", "backend.release_command"),
        ("", "bake = 1", "health.bake"),
    ],
)
def test_what_is_not_built_is_not_taken_for_done(tmp_path: Path, backend: str, health: str, key: str) -> None:
    """A deploy that leaves out a migration in silence is worse than none."""
    assert f"{key}: other than its default, it is not built yet" in wrong(tmp_path, f"{COMPOSE}{backend}\n", health)


def test_a_probe_of_a_service_that_does_not_run_the_image(tmp_path: Path) -> None:
    """It is told which there are."""
    found = wrong(tmp_path, health='[[health.probe]]\ntype = "tcp"\nport = 1\nservice = "db"\n')
    assert "health.probe[0].service: 'db' is not one of backend.services" in found


@pytest.mark.parametrize(
    ("probe", "key"),
    [
        ('type = "http"\nport = 80', "port"),
        ('type = "http"\nurl = "http://localhost/"', "url"),
        ('type = "http"\nurl = "http://{host}:80/"', "url"),
        ('type = "http"\nurl = "https://shop.example/"', None),
        ('type = "tcp"\nport = 80', "port"),
        ('type = "tcp"\nport = 80\nhost = "localhost"', "host"),
        ('type = "tcp"\nport = 80\nhost = "shop.example"', None),
        ('type = "container"', None),
        ('type = "command"\nargv = ["x"]', None),
    ],
)
def test_what_a_probe_of_a_remote_engine_can_reach(tmp_path: Path, probe: str, key: str | None) -> None:
    """Loopback and the instances' own addresses are somewhere else then."""
    health, state = f"[[health.probe]]\n{probe}\n", 'store = "local"'
    if key is None:
        assert consistency(read(tmp_path, REMOTE, health, state)) == []
    else:
        assert f"health.probe[0].{key}: means nothing from here" in wrong(tmp_path, REMOTE, health, state)
        assert consistency(read(tmp_path, COMPOSE, health)) == []
        assert consistency(read(tmp_path, f'host = "unix:///x"\n{COMPOSE}', health)) == []


def test_where_the_state_of_a_remote_engine_is_must_be_said(tmp_path: Path) -> None:
    """It is remembered here alone; of a local one nothing is to be said."""
    assert "state.store: must be said: the engine is remote (ssh://prod)" in wrong(tmp_path, REMOTE)
    read(tmp_path, COMPOSE)
    read(tmp_path, REMOTE, state='store = "local"')


def test_processes_are_always_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever Docker is told."""
    monkeypatch.setenv("DOCKER_HOST", "ssh://prod")
    health = '[[health.probe]]\ntype = "http"\nport = 80\n'
    assert consistency(read(tmp_path, 'command = ["x"]\n', health, type="process")) == []
