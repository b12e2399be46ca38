"""Rolling with Compose: what is refused, and which commands stand new containers up and retire the old ones."""

import json
from pathlib import Path
from typing import Any

import pytest

from deploykit.backends.compose.rolling import line_of, refuse_what_cannot_roll
from deploykit.backends.engine import labels
from deploykit.backends.engine.settings import Rollout
from deploykit.errors import ConfigError, StepFailed
from deploykit.protocols import Control
from deploykit.release import Release
from tests.unit.backends.docker import Docker
from tests.unit.backends.test_compose_backend import Stage, Time, by_hand
from tests.unit.backends.test_engine_images import PINNED

UP = "up --detach --no-deps --no-recreate --no-build --pull never"
FILE = """\
services:
  db:
    container_name: the-db
  web:
    # what the proxy asks
    image: web
    container_name: the-web
    ports:
      - "127.0.0.1:8000:80"
    volumes:
    - media:/srv/media
    - ./static:/srv/static:ro
  worker:
    image: web
"""
MODEL: dict[str, Any] = {"name": "shop", "services": {"web": {"image": "x"}, "worker": {"image": "x"}}}


class Rolling(Stage):
    """A backend that rolls, and a release r8 that is to replace r7."""

    def __init__(self, docker: Docker, folder: Path) -> None:
        super().__init__(docker, folder)
        self.new = self.rolls()

    def rolls(self, **rollout: Any) -> Release:
        """Let the backend roll so, and return a new release."""
        self.backend = self.made(rollout=Rollout(strategy="rolling", **rollout))
        snapshot = self.backend.snapshot(PINNED)
        self.files.keep("r8", snapshot)
        return Release("r8", PINNED, snapshot.parts)

    def of_new(self, name: str, service: str = "web", **fields: Any) -> dict[str, Any]:
        old, self.release = self.release, self.new
        made = self.ours(name, service, **fields)
        self.release = old
        return made

    def started(self) -> bool:
        self.docker.says("up")
        return self.backend.start(self.new, Control())


@pytest.fixture
def rolling(docker: Docker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rolling:
    time = Time()
    monkeypatch.setattr("deploykit.backends.compose.backend.time", time)
    monkeypatch.setattr("deploykit.backends.engine.backend.time", time)
    return Rolling(docker, tmp_path)


# What is refused.


@pytest.mark.parametrize(
    ("web", "line", "said"),
    [
        ({"container_name": "the-web"}, 7, "services.web.container_name: the-web"),
        ({"network_mode": "host"}, None, "services.web.network_mode: host"),
        ({"ports": [{"target": 9}, {"published": "8000", "target": 80}]}, 9, "services.web.ports: 8000:80"),
        ({"volumes": [{"type": "volume", "source": "media", "target": "/srv/media"}]}, 11, "volumes: media:/srv/media"),
        ({"volumes": [{"type": "bind", "source": "/x/media", "target": "/srv/media"}]}, 11, "volumes: /x/media"),
    ],
)
def test_what_cannot_stand_twice_is_refused_with_its_line(
    tmp_path: Path, web: dict[str, Any], line: int | None, said: str
) -> None:
    """The message names file, line, service, key and value; the hint says what can be done."""
    file = tmp_path / "compose.yml"
    file.write_text(FILE)
    with pytest.raises(ConfigError) as refused:
        refuse_what_cannot_roll({"services": {"web": web}}, ["web"], [file])
    where = f"compose.yml, line {line}" if line else "compose.yml"
    assert f'backend.strategy = "rolling": {where}: ' in str(refused.value)
    assert said in str(refused.value)
    assert 'strategy = "recreate"' in refused.value.hint


def test_what_the_checklist_says_of_rolling(docker: Docker, tmp_path: Path) -> None:
    """What the proxy must do; of a release in place, whether it could roll, and if not, the line that says why."""
    stage = Stage(docker, tmp_path)
    proxy = "check its health before first use"
    assert proxy in stage.made(rollout=Rollout(strategy="rolling")).strategy_told(PINNED)
    assert "it can roll, behind a proxy that checks health before first use" in stage.backend.strategy_told(PINNED)
    (tmp_path / "compose.yml").write_text(FILE)
    stage.model({"name": "shop", "services": {"web": {"container_name": "the-web"}, "worker": {}}})
    told = stage.backend.strategy_told(PINNED)
    assert "it cannot roll: compose.yml, line 7: services.web.container_name: the-web" in told


@pytest.mark.parametrize(
    "web",
    [
        {},
        {"ports": [{"target": 80}, {"published": "", "target": 81}, {"published": "8000-8009", "target": 80}]},
        {"volumes": [{"type": "volume", "target": "/tmp"}, {"type": "tmpfs", "target": "/run"}]},
        {"volumes": [{"type": "bind", "source": "/static", "target": "/srv", "read_only": True}]},
        {"network_mode": "bridge"},
    ],
)
def test_what_can_stand_twice_is_not_refused(tmp_path: Path, web: dict[str, Any]) -> None:
    """Ports that Docker chooses, volumes of a container's own, and those that are only read."""
    refuse_what_cannot_roll({"services": {"web": web, "db": {"container_name": "db"}}}, ["web"], [tmp_path / "c.yml"])


def test_the_line_is_looked_for_in_the_last_file_first(tmp_path: Path) -> None:
    """It has the last word; without a line the first file is named."""
    base, override = tmp_path / "base.yml", tmp_path / "override.yml"
    base.write_text(FILE)
    override.write_text("services:\n  web:\n    container_name: other\n")
    files = [base, override]
    assert line_of(files, "web", "container_name", "other") == "override.yml, line 3"
    assert line_of(files, "web", "ports", "8000:80") == "base.yml, line 9"
    assert line_of(files, "worker", "ports", "1:1") == "base.yml"
    assert line_of([tmp_path / "nosuch.yml"], "web", "ports", "1:1") == "nosuch.yml"


def test_the_refusal_comes_with_the_snapshot(rolling: Rolling) -> None:
    """Before anything is touched, and of the services that roll alone."""
    web = {"image": "x", "container_name": "one"}
    rolling.model({**MODEL, "services": {**MODEL["services"], "web": web}})
    with pytest.raises(ConfigError, match=r"services\.web\.container_name"):
        rolling.backend.snapshot(PINNED)
    rolling.made(rollout=Rollout(strategy="rolling", recreate_services=frozenset({"web"}))).snapshot(PINNED)
    rolling.made().snapshot(PINNED)


# Standing up.


def test_the_new_stand_up_beside_the_old(rolling: Rolling) -> None:
    """As many as the old release has, whatever else is there; the old are not touched."""
    rolling.runs(*rolling.both(), rolling.ours("shop-web-2", "web"), by_hand("shop-db-1", "db"))
    rolling.started()
    assert rolling.changes() == [f"{UP} --scale=web=4 --scale=worker=2 web worker"]


def test_a_number_that_the_files_ask_for_counts(rolling: Rolling) -> None:
    """Whatever runs."""
    services = {"web": {"image": "x", "deploy": {"replicas": 3}}, "worker": {"image": "x", "scale": 2}}
    rolling.model({**MODEL, "services": services})
    rolling.new = rolling.rolls()
    rolling.runs(*rolling.both())
    rolling.started()
    assert rolling.changes() == [f"{UP} --scale=web=4 --scale=worker=3 web worker"]


def test_no_more_stand_up_at_once_than_may(rolling: Rolling) -> None:
    """start() says so, and does the rest when it is called again; what is there already is not started anew."""
    rolling.new = rolling.rolls(parallelism=1)
    old = [*rolling.both(), rolling.ours("shop-web-2", "web")]
    rolling.runs(*old)
    assert not rolling.started()
    rolling.runs(*old, rolling.of_new("shop-web-3"), rolling.of_new("shop-worker-2", "worker"))
    rolling.started()
    assert rolling.changes() == [f"{UP} --scale=web=3 --scale=worker=2 web worker", f"{UP} --scale=web=4 web"]


def test_when_all_stand_nothing_moves(rolling: Rolling) -> None:
    """start() says that this is all."""
    rolling.runs(*rolling.both(), rolling.of_new("shop-web-2"), rolling.of_new("shop-worker-2", "worker"))
    assert rolling.started()
    assert rolling.changes() == []


def test_the_dead_go_first(rolling: Rolling) -> None:
    """Compose would count them, and start them again; what it has made and not started is its own to start."""
    dead = {"Status": "exited", "ExitCode": 1}
    old, new = rolling.ours("shop-web-2", "web", state=dead), rolling.of_new("shop-web-3", state=dead)
    made = rolling.of_new("shop-web-4", state={"Status": "created"})
    rolling.runs(*rolling.both(), old, new, made)
    rolling.docker.says("rm")
    rolling.started()
    assert rolling.changes()[0] == f"rm --force --volumes {old['Id']} {new['Id']}"


def test_a_refusal_is_told_in_compose_s_words(rolling: Rolling) -> None:
    """And nothing is retired."""
    rolling.runs(*rolling.both())
    rolling.docker.fails("up", "network shop_front not found")
    with pytest.raises(StepFailed, match="network shop_front not found"):
        rolling.backend.start(rolling.new, Control())


def test_what_cannot_roll_is_replaced_when_all_others_stand(rolling: Rolling) -> None:
    """Only after they have been judged: start() is called again for it."""
    rolling.new = rolling.rolls(recreate_services=frozenset({"worker"}))
    rolling.runs(*rolling.both())
    assert not rolling.started()
    rolling.runs(*rolling.both(), rolling.of_new("shop-web-2"))
    assert rolling.started()
    in_place = "up --detach --no-deps --no-build --pull never worker"
    assert rolling.changes() == [f"{UP} --scale=web=2 web", in_place]
    old_web = rolling.ours("shop-web-1", "web")
    rolling.runs(old_web, rolling.of_new("shop-web-2"), rolling.of_new("shop-worker-1", "worker"))
    assert rolling.started()
    assert len(rolling.changes()) == 2


# Retiring.


def test_the_old_retire_and_are_removed(rolling: Rolling) -> None:
    """Those of other releases, and those without a label; not the new ones, and no other service's."""
    old, stray = rolling.both(), by_hand("shop-web-5")
    rolling.runs(*old, stray, rolling.of_new("shop-web-2"), by_hand("shop-db-1", "db"))
    rolling.docker.says("stop")
    rolling.docker.says("rm")
    rolling.backend.promote(rolling.new, Control())
    ids = " ".join(one["Id"] for one in (old[0], stray, old[1]))
    assert sorted(" ".join(rolling.changes()).split()) == sorted(f"stop {ids} rm --force --volumes {ids}".split())
    assert [call.split()[0] for call in rolling.changes()] == ["stop", "rm"]


def test_they_are_drained_first(rolling: Rolling, monkeypatch: pytest.MonkeyPatch) -> None:
    """`pre_stop` runs in each that runs, then `drain` seconds pass; a `pre_stop` that fails is told, and no more."""
    slept: list[float] = []
    monkeypatch.setattr("deploykit.backends.engine.backend.time.sleep", slept.append)
    rolling.new = rolling.rolls(drain=7.0, pre_stop=["touch", "/tmp/leaving"])
    old = rolling.ours("shop-web-1", "web")
    dead = rolling.ours("shop-web-3", "web", state={"Status": "exited"})
    rolling.runs(old, dead, rolling.of_new("shop-web-2"))
    rolling.docker.says("stop")
    rolling.docker.says("rm")
    rolling.docker.fails("exec", "no such program", 127)
    told: list[str] = []
    rolling.backend.promote(rolling.new, Control(progress=told.append))
    verbs = [call.split()[0] for call in rolling.docker.calls() if call.split()[0] in {"exec", "stop", "rm"}]
    assert verbs == ["exec", "stop", "rm"]
    assert rolling.docker.calls("exec") == [f"exec {old['Id']} touch /tmp/leaving"]
    assert slept == [7.0]
    assert told == ["pre_stop in shop-web-1 exited with 127"]


def test_going_back_drains_nothing(rolling: Rolling, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody was led to what failed."""
    monkeypatch.setattr("deploykit.backends.engine.backend.time.sleep", lambda _: pytest.fail("slept"))
    rolling.new = rolling.rolls(drain=7.0, pre_stop=["true"])
    rolling.runs(rolling.ours("shop-web-1", "web"), rolling.of_new("shop-web-2"))
    rolling.docker.says("stop")
    rolling.docker.says("rm")
    rolling.backend.promote(rolling.new, Control(), drain=False)
    assert rolling.docker.calls("exec") == []


def test_what_failed_stands_down_and_no_reboot_starts_it(rolling: Rolling) -> None:
    """Its containers are stopped, and kept."""
    new = rolling.of_new("shop-web-2")
    rolling.runs(rolling.ours("shop-web-1", "web"), new)
    rolling.docker.says("update")
    rolling.docker.says("stop")
    rolling.backend.stand_down(rolling.new, Control())
    assert rolling.docker.calls()[-2:] == [f"update --restart no {new['Id']}", f"stop {new['Id']}"]


def test_the_dead_of_others_are_gone_when_all_is_over(rolling: Rolling) -> None:
    """And what a killed rehearsal left. What serves stays, and so does what lives."""
    dead = rolling.of_new("shop-web-2", state={"Status": "exited"})
    rolling.runs(*rolling.both(), dead, rolling.of_new("shop-web-3"))
    rolling.docker.says("image inspect", [])
    rolling.docker.fails("image inspect", "No such image")
    rolling.docker.says("rm")
    rehearsal = by_hand("left")
    rolling.docker.says(f"ps label={labels.ROLE}={labels.REHEARSAL}", rehearsal["Id"])
    rolling.docker.says(f"container inspect {rehearsal['Id']}", [rehearsal])
    rolling.backend.settle(rolling.release)
    assert rolling.changes() == [f"rm --force --volumes {one['Id']}" for one in (rehearsal, dead)]


def test_the_numbers_that_files_do_not_ask_for_are_none(rolling: Rolling) -> None:
    """So that what nobody has configured is kept as it is."""
    services = json.loads(rolling.files.read("r8").files["project.json"])["services"]
    assert services == {"web": None, "worker": None}
