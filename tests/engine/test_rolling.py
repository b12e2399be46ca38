"""Rolling: whatever the release is like, and whenever deploykit is killed, no request fails."""

from __future__ import annotations

import time
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.engine.support.docker import docker
from tests.engine.support.told import ended, history, status

if TYPE_CHECKING:
    from tests.engine.support.docker import Container
    from tests.engine.support.fixtures import MakeRolling
    from tests.engine.support.images import Behaviour
    from tests.engine.support.load import Load
    from tests.engine.support.rolling import RollingApp

KINDS = ["compose", "docker"]
on_each = pytest.mark.parametrize("make_rolling", KINDS, indirect=True)
RELEASES: dict[str, Behaviour] = {
    "good": {},
    "crashes": {"exit_after": 0, "exit_code": 3},
    "broken": {"broken": True},
    "never": {"start_delay": 1000},
}
DEPLOYS = 10
"""On each backend: 20 in all."""
SHORT = {"attempts": 4, "interval": 0.5}


def no_request_failed(load: Load) -> None:
    assert load.asked > 0
    assert not load.failed, load.story()


def runs(app: RollingApp, tag: str) -> None:
    """Assert that this release runs, with all its replicas, and nothing else; and that deploykit says so."""
    assert app.tags() == [tag] * app.replicas
    said = status(app)
    assert said["current"]["tag"] == tag
    assert said["lock"] is None


@on_each
def test_no_request_fails(make_rolling: MakeRolling) -> None:
    """Releases, good and bad, one after the other: none is noticed but for its version."""
    app = make_rolling()
    app.write_config(health=SHORT)
    app.push("old")
    app.first("old")
    serving, codes = "old", []
    with app.load() as load:
        for number in range(DEPLOYS):
            kind = list(RELEASES)[number % len(RELEASES)]
            tag = f"{kind}{number}"
            app.push(tag, **RELEASES[kind])
            codes.append(ended(app.deploykit("run", "--tag", tag), int(kind != "good")).returncode)
            serving = tag if kind == "good" else serving
            runs(app, serving)
    no_request_failed(load)
    assert set(load.answers) == {"old", *(f"good{number}" for number in range(0, DEPLOYS, len(RELEASES)))}


@on_each
def test_one_at_a_time(make_rolling: MakeRolling) -> None:
    """With `parallelism = 1` each new instance is healthy before the next one is started; a bad one is the last."""
    app = make_rolling(replicas=3, parallelism=1)
    app.push("old")
    app.push("new", start_delay=1)
    app.push("bad", **RELEASES["crashes"])
    app.first("old")
    with app.load() as load:
        ended(app.deploykit("run", "--tag", "new"), 0)
        runs(app, "new")
        before = time.time()
        ended(app.deploykit("run", "--tag", "bad"), 1)
        runs(app, "new")
    no_request_failed(load)
    assert len(started_since(before, app.name, "bad")) == 1
    times = sorted(datetime.fromisoformat(one.started_at).timestamp() for one in app.instances())
    assert all(after - before >= 1 for before, after in pairwise(times))


def started_since(began: float, name: str, tag: str) -> set[str]:
    """Return the containers of a release that were started meanwhile, by the engine's own account."""
    span = [f"--since={began:.3f}", f"--until={time.time():.3f}", "--filter=event=start"]
    of = [f"--filter=label=org.deploykit.app={name}", "--format", "{{.ID}} {{.From}}"]
    lines = docker("events", *span, *of).splitlines()
    return {line.split()[0] for line in lines if f":{tag}" in line}


@on_each
def test_an_irreversible_release_that_fails_leaves_the_old_ones(make_rolling: MakeRolling) -> None:
    """They serve on, 1, with a warning; what failed is stopped and kept to be looked at, until the next run."""
    app = make_rolling()
    app.push("old")
    app.push("bad", irreversible=True, start_delay=1000)
    app.push("good")
    app.write_config(health=SHORT)
    app.first("old")
    with app.load() as load:
        done = ended(app.deploykit("run", "--tag", "bad"), 1)
        assert "WARNING" in done.stdout
        assert sorted(app.tags()) == ["exited", "exited", "old", "old"]
        ended(app.deploykit("run", "--tag", "good"), 0)
        runs(app, "good")
    no_request_failed(load)
    assert history(app)[1]["outcome"] == "untouched"


# SIGKILL; in every state, without clients: test_killed.py.

KILLED = [
    ("good", "command:1:during", 0),  # in starting
    ("good", "state:checking", 0),
    ("good", "state:promoting", 0),
    ("good", "command:2:during", 0),
    ("crashes", "state:rolling_back", 1),
]
"""Which release, where, and how `recover` ends."""


@on_each
def test_a_killed_deploy_is_finished(make_rolling: MakeRolling) -> None:
    """In whatever state: `recover` leaves exactly the old or exactly the new release, and no request fails."""
    app = make_rolling()
    app.write_config(health=SHORT)
    app.push("old")
    app.first("old")
    serving = "old"
    with app.load() as load:
        for number, (kind, point, code) in enumerate(KILLED):
            tag = f"{kind}{number}"
            app.push(tag, **RELEASES[kind])
            assert app.killed(point, "run", "--tag", tag), point
            ended(app.deploykit("recover"), code)
            serving = tag if code == 0 else serving
            runs(app, serving)
            assert not load.failed, (kind, point, load.story())
    no_request_failed(load)


# What cannot roll.

CANNOT = {
    "a port of the machine": ('ports: ["127.0.0.1:{port}:8000"]', "ports"),
    "a container's name": ("container_name: {name}-web", "container_name"),
    "a volume that is written to": ('volumes: ["./data:/data"]', "volumes"),
}


@pytest.mark.parametrize("case", CANNOT)
def test_what_cannot_roll_is_refused(make_rolling: MakeRolling, case: str) -> None:
    """Exit 2 before anything is touched, with file, line and key."""
    app = make_rolling(replicas=1)
    app.push("old")
    app.push("new")
    app.first("old")
    before = app.containers()
    wrong, key = CANNOT[case]
    app.write_compose(wrong.format(port=app.port + 1, name=app.name))
    lines = app.compose_file.read_text().splitlines()
    number = next(number for number, line in enumerate(lines, 1) if wrong.split(":")[0] + ":" in line and number > 1)

    done = ended(app.deploykit("run", "--tag", "new"), 2)

    assert f"docker-compose.prod.yml, line {number}: services.web.{key}" in done.stderr
    assert app.containers() == before
    assert len(history(app)) == 1


DOCKER_CANNOT: dict[str, dict[str, list[str]]] = {
    "backend.ports": {"ports": ["127.0.0.1:1:8000"]},
    "backend.volumes": {"volumes": ["./data:/data"]},
    "backend.networks": {"networks": ["host"]},
}


@pytest.mark.parametrize("make_rolling", ["docker"], indirect=True)
@pytest.mark.parametrize("key", DOCKER_CANNOT)
def test_what_cannot_roll_is_refused_by_its_key(make_rolling: MakeRolling, key: str) -> None:
    """Exit 2 before anything is touched, with file and key."""
    app = make_rolling(replicas=1)
    app.push("old")
    app.first("old")
    before = app.instances()
    app.write_config(backend=DOCKER_CANNOT[key])

    done = ended(app.deploykit("run", "--tag", "new"), 2)

    assert "sandmatch.toml" in done.stderr
    assert key in done.stderr
    assert app.instances() == before


WORKER = """\
worker:
  image: ${{WEB_IMAGE}}:${{WEB_IMAGE_TAG}}
  container_name: {name}-the-worker
"""


def of_worker(app: RollingApp) -> list[Container]:
    return [one for one in app.containers() if one.service == "worker"]


def test_some_services_are_replaced_in_place_all_the_same(make_rolling: MakeRolling) -> None:
    """Last, when those that roll are healthy: a release that never gets so far does not touch them."""
    app = make_rolling(services=["web", "worker"], recreate_services=["worker"])
    app.write_compose(services=WORKER.format(name=app.name))
    app.push("old")
    app.push("new")
    app.push("bad", **RELEASES["crashes"])
    app.first("old")
    with app.load() as load:
        ended(app.deploykit("run", "--tag", "new"), 0)
        runs(app, "new")
        (worker,) = of_worker(app)
        assert worker.name == f"{app.name}-the-worker"
        assert worker.labels["org.deploykit.image"].endswith(":new")
        ended(app.deploykit("run", "--tag", "bad"), 1)
        runs(app, "new")
        assert of_worker(app) == [worker]
    no_request_failed(load)
    newest = max(one.started_at for one in app.instances())
    assert worker.started_at > newest
