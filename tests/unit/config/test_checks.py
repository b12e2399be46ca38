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
ROLLING = 'strategy = "rolling"\n'
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
    """Nor with all that goes together in it, and with probes of both services."""
    probes = '[[health.probe]]\ntype = "tcp"\nport = 1\n[[health.probe]]\ntype = "tcp"\nport = 2\nservice = "worker"\n'
    backend = f'{COMPOSE}strategy = "recreate"\nrehearse = true\nrelease_command = ["migrate"]\nrelease_timeout = 60\n'
    assert consistency(read(tmp_path, backend, f"bake = 60\n{probes}")) == []
    rolling = 'parallelism = 1\ndrain = 5\npre_stop = ["quit"]\nrecreate_services = ["worker"]\n'
    assert consistency(read(tmp_path, f"{COMPOSE}{ROLLING}{rolling}", probes)) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('strategy = "rolling"', "backend.strategy: a process is replaced in place"),
        ("rehearse = true", "backend.rehearse: a process has no place of its own beside what serves"),
        ('release_command = ["migrate"]', "backend.release_command: a key of type compose or docker alone"),
        ("release_timeout = 60", "backend.release_timeout: a key of type compose or docker alone"),
    ],
)
def test_a_process_has_neither_a_place_beside_nor_a_release_command(tmp_path: Path, line: str, message: str) -> None:
    """A deploy that leaves out a migration in silence is worse than none."""
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, f'command = ["x"]\n{line}\n', type="process")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('group = "deploy"', r"state\.group: a process is its user's"),
        ('store = "engine"', r"state\.store: processes of this machine have no engine"),
        ("lease = 30", r"state\.lease: is how long an engine keeps the lock"),
    ],
)
def test_processes_are_of_one_user_on_one_machine(tmp_path: Path, line: str, message: str) -> None:
    """So is what is remembered of them."""
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, 'command = ["x"]\n', state=line, type="process")


def test_what_is_remembered_may_be_with_the_engine(tmp_path: Path) -> None:
    """For as long as the lease says that its holder is not heard of; a lease without that is a mistake."""
    assert read(tmp_path, state='store = "engine"').state.lease == 30
    assert consistency(read(tmp_path, REMOTE, state='store = "engine"\nlease = 5')) == []
    assert "state.lease: " in wrong(tmp_path, state='store = "engine"\nlease = 4')
    assert "state.lease: is how long an engine keeps" in wrong(tmp_path, state='store = "local"\nlease = 30')


def test_rolling_has_no_rehearsal(tmp_path: Path) -> None:
    """The new instances stand up beside the old ones anyway."""
    with pytest.raises(ConfigError, match=r"backend\.rehearse: there is none with strategy") as caught:
        read(tmp_path, f"{COMPOSE}{ROLLING}rehearse = true\n")
    assert "beside the old ones" in caught.value.hint


@pytest.mark.parametrize(
    ("probe", "key"),
    [
        ('type = "http"\nurl = "http://localhost:8000/"', "url"),
        ('type = "http"\nurl = "https://shop.example/"', "url"),
        ('type = "http"\nurl = "http://{host}:8000/"', None),
        ('type = "http"\nport = 8000', None),
        ('type = "tcp"\nport = 80\nhost = "localhost"', "host"),
        ('type = "tcp"\nport = 80', None),
        ('type = "container"', None),
        ('type = "command"\nargv = ["x"]', None),
    ],
)
def test_a_probe_of_one_place_for_all_is_refused_when_rolling(tmp_path: Path, probe: str, key: str | None) -> None:
    """It would ask the old release through the proxy, and call the new one healthy."""
    health = f"[[health.probe]]\n{probe}\n"
    assert consistency(read(tmp_path, COMPOSE, health)) == []
    if key is None:
        assert consistency(read(tmp_path, f"{COMPOSE}{ROLLING}", health)) == []
    else:
        found = wrong(tmp_path, f"{COMPOSE}{ROLLING}", health)
        assert f"health.probe[0].{key}: is one place for all" in found


@pytest.mark.parametrize(
    ("services", "message"),
    [
        ('["db"]', "backend.recreate_services: 'db' is not one of backend.services"),
        ('["web", "worker"]', "backend.recreate_services: names all services"),
    ],
)
def test_what_is_recreated_when_rolling(tmp_path: Path, services: str, message: str) -> None:
    """Services of the app, but not all of them: that would be no rolling."""
    assert message in wrong(tmp_path, f"{COMPOSE}{ROLLING}recreate_services = {services}\n")


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


SERVICE = 'service = "shop_web"\n'
STACK = 'stack = "shop"\nfile = "c.yml"\nservices = ["web"]\n'
PORT = '[[health.probe]]\ntype = "http"\nport = 8080\n'


@pytest.mark.parametrize("backend", [SERVICE, f'{SERVICE}order = "start-first"\nparallelism = 2\ndelay = 5\n', STACK])
def test_a_service_or_a_stack(tmp_path: Path, backend: str) -> None:
    """Both have the same pace."""
    config = read(tmp_path, backend, type="swarm")
    assert config.backend.services == (("web",) if "stack" in backend else ("shop_web",))


@pytest.mark.parametrize(
    ("backend", "message"),
    [
        ("", "backend: give either service, or stack"),
        (SERVICE + STACK, "backend: give either service, or stack"),
        (SERVICE + 'file = "c.yml"', "backend: file and service do not go together"),
        ('stack = "shop"\nservices = ["web"]', "backend: file is missing"),
        ('stack = "shop"\nfile = "c.yml"', "backend.services: is missing"),
        (STACK.replace('["web"]', '["web", "web"]'), "backend: services names one twice"),
        (SERVICE + 'host = "a"\ncontext = "b"', "backend: give either host or context"),
        (SERVICE + 'strategy = "rolling"', "backend.strategy: a swarm has its own"),
        (SERVICE + "rehearse = true", "backend.rehearse: a swarm has no task that serves nobody"),
        (SERVICE + 'release_command = ["x"]', "backend.release_command: a key of type compose or docker alone"),
        (SERVICE + "replicas = 2", "backend.replicas: a key of type docker alone"),
        (SERVICE + 'order = "both"', "backend.order: expected 'start-first' or 'stop-first'"),
    ],
)
def test_what_does_not_fit_a_swarm(tmp_path: Path, backend: str, message: str) -> None:
    """It is refused by name."""
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, backend, type="swarm")
    assert message in str(caught.value)


def test_a_task_of_a_remote_swarm_has_the_address_of_its_node(tmp_path: Path) -> None:
    """It can be asked from here; this machine's own address still means nothing there."""
    remote = f'{SERVICE}host = "ssh://prod"\n'
    read(tmp_path, remote, PORT, 'store = "local"', type="swarm")
    loopback = PORT.replace("port = 8080", 'url = "http://localhost/"')
    with pytest.raises(ConfigError, match="means nothing from here"):
        read(tmp_path, remote, loopback, 'store = "local"', type="swarm")
