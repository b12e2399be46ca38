"""What plain docker alone promises: its keys arrive as Compose would have them, and what served is kept, stopped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.engine.support import names
from tests.engine.support.docker import docker, inspect
from tests.engine.support.project import DockerApp
from tests.engine.support.spy import Spy
from tests.engine.support.told import assert_all_agree, ended, history, status, unbroken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scripts.registry import OwnRegistry, Registry
    from tests.engine.support.fixtures import MakeApp
    from tests.engine.support.images import Images

SECRET = "hunter2-hunter2"
ENVIRONMENT = [
    "FROM_SHELL",
    "NOT_IN_SHELL",
    "QUOTED=a \"b\" 'c'  # no comment ",
    "DOLLAR=5$$ $$HOME $${X}",
    "LINES=one\ntwo = 2\n\nfour",
    "RETURN=one\r",
    "EMPTY=",
    "BOTH=config",
]
EXPECTED = {
    "FROM_SHELL": "of the shell",
    "QUOTED": "a \"b\" 'c'  # no comment ",
    "DOLLAR": "5$ $HOME ${X}",
    "LINES": "one\ntwo = 2\n\nfour",
    "RETURN": "one\r",
    "EMPTY": "",
    "BOTH": "config",
    "OF_FILE": "two words",
}


def raw(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(docker("container", "inspect", name))[0]
    return found


def environment(name: str) -> dict[str, str]:
    return dict(entry.split("=", 1) for entry in raw(name)["Config"]["Env"])


def deployed(app: DockerApp, *tags: str) -> DockerApp:
    for tag in tags:
        app.push(tag)
        ended(app.deploykit("run", "--tag", tag), 0)
    return app


@pytest.fixture
def serving(docker_app: DockerApp) -> DockerApp:
    """An app of which deploykit has deployed `old`."""
    return deployed(docker_app, "old")


@pytest.fixture
def stranger(docker_app: DockerApp) -> Iterator[Callable[..., str]]:
    """Starts containers that are nobody's business, and returns their ids."""
    started: list[str] = []

    def start(*options: str) -> str:
        image = docker_app.push("stranger", local=True)
        started.append(docker("run", "-d", *options, image.reference))
        return started[-1]

    yield start
    docker("rm", "-f", *started)


# The keys.


def test_every_key_arrives(docker_app: DockerApp) -> None:
    """In the container, as Compose would have it."""
    app = docker_app
    network = f"{app.name}-net"
    docker("network", "create", network)
    app.folder.joinpath("web.env").write_text("# of the file\nOF_FILE='two words'\nBOTH=file\n")
    app.is_made_with(
        environment=ENVIRONMENT,
        env_file="web.env",
        volumes=["./data:/data:ro", f"{app.name}-data:/var/data"],
        networks={network: {"aliases": ["shop"]}, "bridge": {}},
        entrypoint="/bin/busybox sh",
        command=["-c", "exec /bin/busybox sh /app.sh # $$x"],
        user=0,
        labels={"team": "courts", "tier": 1},
        restart="on-failure:3",
        healthcheck={"test": ["CMD", "/bin/true", "a b"], "interval": "90s", "retries": 5},
        mem_limit="64m",
        cpus=0.5,
        stop_grace_period="1m5s",
        extra_hosts={"db": "10.0.0.5"},
        logging={"driver": "json-file", "options": {"max-size": "1m"}},
    )
    app.push("new")

    ended(app.deploykit("run", "--tag", "new", env={"FROM_SHELL": "of the shell"}), 0)

    found = raw(app.container().id)
    config, host = found["Config"], found["HostConfig"]
    given = environment(found["Id"])
    assert {name: given[name] for name in EXPECTED} == EXPECTED
    assert "NOT_IN_SHELL" not in given
    mounts = {one["Destination"]: one for one in found["Mounts"]}
    assert (mounts["/data"]["Source"], mounts["/data"]["RW"]) == (str(app.folder / "data"), False)
    assert (mounts["/var/data"]["Name"], mounts["/var/data"]["RW"]) == (f"{app.name}-data", True)
    networks = found["NetworkSettings"]["Networks"]
    assert set(networks) == {network, "bridge"}
    assert {app.name, "shop"} <= set(networks[network]["Aliases"])
    assert config["Entrypoint"] + config["Cmd"] == ["/bin/busybox", "sh", "-c", "exec /bin/busybox sh /app.sh # $x"]
    assert config["User"] == "0"
    assert config["Labels"].items() >= {"team": "courts", "tier": "1"}.items()
    assert host["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3}
    assert config["Healthcheck"] == {"Test": ["CMD-SHELL", "/bin/true 'a b'"], "Interval": 90 * 10**9, "Retries": 5}
    assert (host["Memory"], host["NanoCpus"], config["StopTimeout"]) == (64 * 2**20, 5 * 10**8, 65)
    assert host["ExtraHosts"] == ["db:10.0.0.5"]
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "1m"}}
    assert host["PortBindings"] == {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(app.port)}]}


def test_no_secret_is_in_any_argv_or_line(docker_app: DockerApp) -> None:
    """Neither where others can read it, nor in what deploykit writes."""
    app, watched = docker_app, Spy(docker_app.folder / "bin")
    app.is_made_with(environment={"DB_PASSWORD": "${DB_PASSWORD}", "SSH_PRIVATE_KEY": f"one\n{SECRET}\n"})
    app.push("new")
    env = {"DB_PASSWORD": SECRET} | watched.environment

    done = [app.deploykit(*verb, env=env) for verb in (["run", "--tag", "new"], ["config"], ["status", "--json"])]

    assert "--env=SSH_PRIVATE_KEY" in watched.calls()
    written = "".join(one.stdout + one.stderr for one in done)
    assert SECRET not in written
    assert SECRET not in watched.calls()
    assert environment(app.container().id)["DB_PASSWORD"] == SECRET
    assert environment(app.container().id)["SSH_PRIVATE_KEY"] == f"one\n{SECRET}\n"


def test_an_app_in_no_network_gets_its_own(serving: DockerApp) -> None:
    """There it is reached by its name."""
    ask = ["--entrypoint=/bin/busybox", serving.images.base, "wget", "-q", "-O", "-"]

    answer = docker("run", "--rm", f"--network={serving.name}", *ask, f"http://{serving.name}:8000/version")

    assert answer == "old"


def test_replicas_stand_side_by_side(docker_app: DockerApp) -> None:
    """As many as asked for, each with a name and a port of its own, and labels that say whose it is."""
    docker_app.is_made_with(ports=["8000"], replicas=3)
    docker_app.write_config(probes=[{"type": "http", "port": 8000, "path": "/api/health/"}])

    deployed(docker_app, "new")

    found = docker_app.containers()
    assert [one.name for one in found] == [f"{docker_app.name}-r1-{number}" for number in (1, 2, 3)]
    for one in found:
        said = {name.removeprefix("org.deploykit."): value for name, value in one.labels.items()}
        assert (one.state, said["app"], said["release"], said["deployment"]) == (
            "running",
            docker_app.name,
            "r1",
            "r1",
        )


# What was there before deploykit.


def test_what_was_started_by_hand_is_kept_as_it_was(docker_app: DockerApp) -> None:
    """After a good deploy it is stopped for good; a rollback starts it again, under its name and as it was started."""
    app = docker_app
    app.push("by-hand", local=True)
    app.up_by_hand("by-hand", "--restart=always", "-e", "STARTED_BY=hand")
    before = raw(app.by_hand)
    deployed(app, "new")
    assert [one.name for one in app.stopped()] == [app.by_hand]

    ended(app.deploykit("rollback"), 0)

    assert app.container().id == before["Id"]
    after = raw(app.by_hand)
    assert after["HostConfig"] == before["HostConfig"]
    assert set(after["NetworkSettings"]["Networks"]) == {"bridge"}
    assert_all_agree(app, "by-hand")


def test_what_was_started_by_hand_comes_back_after_a_bad_release(docker_app: DockerApp) -> None:
    """The very container, with no restart policy when it had none."""
    app = docker_app
    app.push("by-hand", local=True)
    app.up_by_hand("by-hand")
    before = app.container()
    app.push("bad", exit_after=0, exit_code=3)

    ended(app.deploykit("run", "--tag", "bad"), 1)

    after = app.container()
    assert (after.id, after.name, after.restart_policy) == (before.id, app.by_hand, "no")
    assert app.stopped() == []
    assert_all_agree(app, "by-hand")


def test_what_removes_itself_when_it_stops_comes_back_by_its_image(docker_app: DockerApp) -> None:
    """A `docker run --rm` is gone after a good deploy; the rollback makes a container of its image."""
    app = docker_app
    app.push("by-hand", local=True)
    app.up_by_hand("by-hand", "--rm")
    deployed(app, "new")
    assert app.stopped() == []

    ended(app.deploykit("rollback"), 0)

    assert_all_agree(app, "by-hand")


# What is kept for the way back.


def test_the_old_container_is_kept_for_the_way_back(serving: DockerApp) -> None:
    """Stopped, so that no reboot starts it; a rollback starts the same one; those before it go."""
    first = serving.container()
    assert first.restart_policy == "unless-stopped"
    deployed(serving, "new")
    second = serving.container()
    assert [one.id for one in serving.stopped()] == [first.id]

    ended(serving.deploykit("rollback"), 0)

    assert serving.container().id == first.id
    assert serving.container().restart_policy == "unless-stopped"
    deployed(serving, "next")
    assert [one.id for one in serving.stopped()] == [first.id]
    assert inspect(second.id) == []


def test_a_rollback_needs_no_registry(
    make_registry: Callable[[], OwnRegistry], make_images: Callable[[Registry], Images], make_app: MakeApp
) -> None:
    """Also where the kept container was removed by hand: it is made anew."""
    registry = make_registry()
    app = deployed(make_app(DockerApp, make_images(registry)), "old", "new")
    (kept,) = app.stopped()
    docker("rm", kept.id)
    registry.stop()

    ended(app.deploykit("rollback"), 0)

    assert app.container().id != kept.id
    assert app.container().image_id == kept.image_id
    assert_all_agree(app, "old")


def test_a_lost_journal_costs_no_container(serving: DockerApp) -> None:
    """What runs is recognised by its labels, and comes back after a bad release."""
    before = serving.container()
    for path in serving.folder.glob(".deploykit/journal.db*"):
        path.unlink()
    serving.push("bad", status=500)

    ended(serving.deploykit("run", "--tag", "bad"), 1)

    assert serving.container().id == before.id
    assert status(serving)["current"]["id"] == "r1"
    assert_all_agree(serving, "old")


# What is in the way.


def test_a_port_that_a_stranger_has(serving: DockerApp, stranger: Callable[..., str]) -> None:
    """It is told, what served comes back, exit 1, and the stranger goes on."""
    before, taken = serving.container(), names.free_port()
    other = stranger(f"--publish=127.0.0.1:{taken}:8000")
    serving.is_made_with(ports=[f"127.0.0.1:{serving.port}:8000", f"127.0.0.1:{taken}:8000"])
    serving.push("new")

    done = ended(serving.deploykit("run", "--tag", "new"), 1)

    assert "port is already allocated" in unbroken(done.stdout)
    assert serving.container().id == before.id
    assert inspect(other)[0].running
    assert history(serving)[0]["outcome"] == "rolled_back"


def test_a_name_that_a_stranger_has(serving: DockerApp, stranger: Callable[..., str]) -> None:
    """The next one is taken."""
    other = stranger(f"--name={serving.name}-r2-1")

    deployed(serving, "new")

    assert serving.container().name == f"{serving.name}-r2-2"
    assert inspect(other)[0].running


# Beside what serves.


def test_rolling_moves_no_container_that_serves(docker_app: DockerApp) -> None:
    """After a bad release it is the same container, alone; a good one takes the app's name in its network over."""
    app = docker_app
    app.is_made_with(ports=["8000"], strategy="rolling")
    app.write_config(probes=[{"type": "http", "port": 8000, "path": "/api/health/"}])
    deployed(app, "old")
    before = app.container()
    app.push("bad", status=500)

    ended(app.deploykit("run", "--tag", "bad"), 1)

    assert app.containers() == [before]
    deployed(app, "new")
    (after,) = app.containers()
    assert app.name in raw(after.id)["NetworkSettings"]["Networks"][app.name]["Aliases"]
    assert after.id != before.id
