"""The `swarm` backend on a scripted docker: which commands it runs, in which order, from wherever it begins."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploykit.backends.swarm import Demands, Pace, walk
from deploykit.errors import ConfigError, EngineUnreachable, StepFailed
from deploykit.interrupt import Cause, Interruption
from deploykit.protocols import Control, Identity, Standing
from tests.unit.backends.docker import Answer, Docker, container
from tests.unit.backends.swarm import (
    ACTIVE,
    HELD,
    NEW,
    OLD,
    Stage,
    all_of,
    said_of_node,
    said_of_service,
    said_of_task,
)

NOT_A_MANAGER = 'Error response from daemon: This node is not a swarm manager. Use "docker swarm init" to join one.'
LOST_LEADER = "Error: rpc error: code = Unknown desc = raft: failed to process the request: node lost leader status"


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between two looks."""
    monkeypatch.setattr(walk, "_GAP", 0)


@pytest.fixture
def stage(docker: Docker, tmp_path: Path) -> Stage:
    return Stage(docker, tmp_path)


def test_it_is_the_swarm_and_not_the_engine_that_is_asked(stage: Stage) -> None:
    """Another manager of it tells the same."""
    assert stage.backend.identity() == Identity("CLUSTER", "shop_web", "Task")


@pytest.mark.parametrize(
    ("said", "told", "hint"),
    [
        ({"LocalNodeState": "inactive"}, "not part of a swarm", "docker swarm init"),
        ({"LocalNodeState": "active", "ControlAvailable": False}, "is a worker of its swarm", "a manager"),
        ({"LocalNodeState": ""}, "does not say which swarm", "docker node ls"),
    ],
)
def test_an_engine_that_manages_no_swarm(stage: Stage, said: dict[str, Any], told: str, hint: str) -> None:
    """It is told with what to do."""
    stage.docker.says("info", json.dumps(said))
    with pytest.raises(EngineUnreachable, match=told) as caught:
        stage.backend.identity()
    assert hint in caught.value.hint


@pytest.mark.parametrize("said", [NOT_A_MANAGER, LOST_LEADER])
def test_a_manager_that_does_not_answer_for_the_swarm_is_waited_for(stage: Stage, said: str) -> None:
    """After a restart the engine answers before the swarm has a leader, which may change too: that is no refusal."""
    stage.docker.fails("inspect --type=service", said, out="[]")
    with pytest.raises(EngineUnreachable, match="no manager that answers"):
        stage.backend.running()


def test_a_service_that_is_not_there(stage: Stage) -> None:
    """Nothing was touched."""
    stage.docker.fails("inspect --type=service", "Error: no such service: shop_web", out="[]")
    with pytest.raises(ConfigError, match="no service 'shop_web'"):
        stage.backend.running()


def test_what_runs_is_what_the_service_specifies(stage: Stage) -> None:
    """While older tasks are left, the ones that were brought last."""
    old = [said_of_task(OLD, slot=slot) for slot in (1, 2)]
    stage.there(said_of_service(NEW), [*old, said_of_task(NEW, slot=3)])
    running = stage.backend.running()
    assert running is not None
    assert (running.image.name, running.release, running.fingerprint) == (NEW.image.name, NEW.id, NEW.fingerprint)
    assert [one.name for one in running.instances] == ["shop_web.3"]


def test_nothing_runs_where_no_task_lives(stage: Stage) -> None:
    """Dead ones do not count."""
    stage.there(said_of_service(OLD), all_of(OLD, "failed"))
    assert stage.backend.running() is None


def test_the_first_batch_alone_is_begun(stage: Stage) -> None:
    """start() has the engine replace it, waits until it stands, and tells that there is more."""
    old, first = all_of(OLD), said_of_task(NEW)
    stage.there(said_of_service(OLD), old, [*old, said_of_task(NEW, "pending")], [*old[1:], first])
    assert not stage.backend.start(NEW, Control(deployment="r2"))
    (update,) = stage.updates()
    assert NEW.image.pinned in update
    assert HELD in update


def test_the_next_batch_is_begun_when_the_first_is_judged(stage: Stage) -> None:
    """By a label of the service, which no task has."""
    before = [said_of_task(NEW), *(said_of_task(OLD, slot=slot) for slot in (2, 3))]
    after = [said_of_task(NEW, slot=slot) for slot in (1, 2)]
    stage.there(said_of_service(NEW), before, [*after, before[2]])
    assert not stage.backend.start(NEW, Control())
    assert stage.updates() == ["service update --detach --label-add=org.deploykit.step=r2-1 s1"]


def test_no_batch_is_begun_after_an_interrupt(stage: Stage) -> None:
    """Those that run are judged no more, and what served comes back."""
    stage.there(said_of_service(NEW), [said_of_task(NEW), *(said_of_task(OLD, slot=slot) for slot in (2, 3))])
    interruption = Interruption()
    interruption.request(Cause.sigterm)
    assert not stage.backend.start(NEW, Control(interruption=interruption))
    assert stage.updates() == []


def test_no_batch_is_begun_while_one_does_not_run(stage: Stage) -> None:
    """It is to be judged first; so a crash goes no further."""
    crashed = [said_of_task(NEW, "failed", code=3), said_of_task(NEW, "ready", desired="ready")]
    stage.there(said_of_service(NEW), [*crashed, *(said_of_task(OLD, slot=slot) for slot in (2, 3))])
    assert not stage.backend.start(NEW, Control())
    assert stage.updates() == []


def test_what_runs_already_is_left_alone(stage: Stage) -> None:
    """start() confirms, complete() agrees, and no command changes anything."""
    stage.there(said_of_service(NEW), all_of(NEW))
    assert stage.backend.start(NEW, Control())
    assert stage.backend.complete(NEW)
    stage.backend.promote(NEW, Control())
    assert stage.updates() == []


def test_an_update_that_does_not_go_on_is_told(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the engine's own words: it may have paused for good."""
    monkeypatch.setattr(walk, "PATIENCE", 0)
    stage.there(said_of_service(OLD), all_of(OLD))
    with pytest.raises(StepFailed, match="made no task of shop_web within 0s: update in progress"):
        stage.backend.start(NEW, Control())


def test_an_old_task_may_take_its_grace_to_end(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """In place, the new one is started when the old one has ended: that is not taken off what its probes have."""
    monkeypatch.setattr(walk, "PATIENCE", 0)
    old = [said_of_task(OLD, slot=slot) for slot in (2, 3)]
    waits = [*old, said_of_task(OLD, desired="shutdown"), said_of_task(NEW, "ready", node="", desired="ready")]
    stage.there(said_of_service(OLD), [*old, said_of_task(OLD)], waits, waits, [*old, said_of_task(NEW)])
    stage.backend.start(NEW, Control())
    assert [one.status for one in stage.backend.instances(NEW)] == ["running"]
    assert stage.docker.questions().count("/tasks") == 5


def test_an_interrupt_is_not_waited_through(stage: Stage) -> None:
    """What was begun is begun; the rest is not."""
    stage.there(said_of_service(OLD), all_of(OLD))
    interruption = Interruption()
    interruption.request(Cause.sigterm)
    assert not stage.backend.start(NEW, Control(interruption=interruption))


def test_a_service_that_changed_meanwhile_is_changed_again(stage: Stage) -> None:
    """The engine's own update writes to it too."""
    refused = Answer(err="Error: rpc error: code = Unknown desc = update out of sequence", code=1)
    stage.docker.answers("service update", refused, Answer())
    stage.there(said_of_service(NEW, labels={HELD: '{"delay": "0s", "failure_action": "pause"}'}), all_of(NEW))
    stage.backend.settle(NEW)
    assert len(stage.updates()) == 2


def test_what_changes_the_service_holds_the_lock(stage: Stage, tmp_path: Path) -> None:
    """Until it has ended, whatever becomes of deploykit."""
    stage.there(said_of_service(OLD), all_of(OLD), all_of(NEW))
    with (tmp_path / "lock").open("w") as lock:
        stage.backend.start(NEW, Control(inherit=(lock.fileno(),)))
        assert lock.fileno() in stage.docker.inherited("update")


def test_a_service_that_was_let_go_is_left_as_it_is(stage: Stage) -> None:
    """settle() is idempotent."""
    stage.there(said_of_service(NEW), all_of(NEW))
    stage.backend.settle(NEW)
    assert stage.updates() == []


def test_a_thousand_tasks_take_no_more_commands_than_three(docker: Docker, tmp_path: Path) -> None:
    """Also when all have crashed: what died here is asked for at once."""
    asked = []
    for number in (3, 60):
        stage = Stage(docker, tmp_path)
        crashed = [said_of_task(NEW, "failed", slot=slot, code=3) for slot in range(number)]
        ids = [one["Status"]["ContainerStatus"]["ContainerID"] for one in crashed]
        docker.says("ps --all", "\n".join(ids))
        docker.says("container inspect", [container(one, Id=one, state={"OOMKilled": True}) for one in ids])
        stage.there(said_of_service(NEW), crashed)
        before = len(docker.calls())
        assert all(one.oom_killed for one in stage.backend.instances(NEW))
        asked.append([call.split()[:2] for call in docker.calls()[before:]])
    assert asked[0] == asked[1]
    assert [call for call in asked[0] if call[0] == "container"] == [["container", "inspect"]]


def test_only_what_died_here_is_inspected(stage: Stage) -> None:
    """The engine that is asked knows nothing of the containers of other nodes."""
    here, elsewhere = (said_of_task(NEW, "failed", slot=slot, code=3) for slot in (1, 2))
    stage.docker.says("ps --all", here["Status"]["ContainerStatus"]["ContainerID"])
    stage.there(said_of_service(NEW), [here, elsewhere])
    stage.backend.instances(NEW)
    (inspected,) = stage.docker.calls("container")
    assert inspected == f"container inspect {here['Status']['ContainerStatus']['ContainerID']}"


def test_a_look_asks_for_the_nodes_once(stage: Stage) -> None:
    """There may be as many as tasks."""
    stage.there(said_of_service(NEW), all_of(NEW))
    stage.backend.instances(NEW)
    assert stage.docker.questions().count("/nodes") == 1


def test_all_looks_at_a_swarm_elsewhere_go_over_one_connection(stage: Stage) -> None:
    """One process, and by ssh one handshake, however long a release is watched."""
    stage.there(said_of_service(NEW), all_of(NEW))
    for _ in range(10):
        stage.backend.instances(NEW)
    assert stage.docker.connections() == 1
    assert stage.docker.calls("service") == stage.docker.calls("node") == []


def test_what_the_api_does_not_tell_is_asked_by_commands(stage: Stage) -> None:
    """Of a docker that lends no connection."""
    stage.docker.fails("dial-stdio", "unknown command")
    stage.there(said_of_service(NEW), all_of(NEW))
    assert len(stage.backend.instances(NEW)) == 3
    assert stage.docker.calls("ps") == ["service ps --quiet --no-trunc s1"]
    assert stage.docker.calls("ls") == ["node ls --quiet"]


def test_an_image_that_no_registry_has(stage: Stage) -> None:
    """The nodes could not bring it."""
    stage.there(said_of_service(OLD), all_of(OLD))
    with pytest.raises(ConfigError, match="has no digest"):
        stage.backend.demand(replace(OLD.image, digest=None))


def test_a_service_that_is_to_have_no_task(stage: Stage) -> None:
    """Nothing would be started, and nothing could be judged: it is told before anything is touched."""
    stage.there(said_of_service(OLD, Mode={"Replicated": {"Replicas": 0}}), [])
    with pytest.raises(ConfigError, match="shop_web is scaled to 0"):
        stage.backend.demand(NEW.image)


@pytest.mark.parametrize(
    ("demands", "told"),
    [
        (Demands(healthcheck=frozenset({"shop_web"})), "has no HEALTHCHECK"),
        (Demands(address=frozenset({"shop_web"})), "has no address outside"),
        (Demands(command=frozenset({"shop_web"})), "tasks of one node alone, and there are 2"),
    ],
)
def test_probes_that_cannot_ask_a_task(docker: Docker, tmp_path: Path, demands: Demands, told: str) -> None:
    """It is told before anything is touched."""
    stage = Stage(docker, tmp_path, demands=demands)
    stage.there(said_of_service(OLD, EndpointSpec={}), all_of(OLD))
    with pytest.raises(ConfigError, match=told):
        stage.backend.demand(NEW.image)


def test_a_command_in_a_task_of_another_node(stage: Stage) -> None:
    """It cannot be run from here, and says where the task is."""
    stage.there(said_of_service(NEW), [said_of_task(NEW, node="n2")])
    (one,) = stage.backend.instances(NEW)
    with pytest.raises(StepFailed, match="runs on node node2"):
        stage.backend.execute(one, ["true"], 1)


def test_the_log_of_what_crashed_comes_last(stage: Stage) -> None:
    """Its last lines are those that are shown. From whichever node; no secret of the service is in it."""
    crashed = said_of_task(NEW, "failed", code=3)
    crashed["Spec"]["ContainerSpec"]["Env"] = ["DB_PASSWORD=hunter2"]
    stage.there(said_of_service(NEW), [crashed, said_of_task(NEW, "shutdown")])
    stage.docker.says("service logs", "served\n")
    stage.docker.says(f"service logs --raw --tail 5 {crashed['ID']}", "ImportError: courts with hunter2\n")
    served, crash = stage.backend.logs(NEW, 5).splitlines()
    assert served == "served"
    assert crash.startswith("ImportError: courts")
    assert "hunter2" not in crash


def test_the_checklist(stage: Stage) -> None:
    """What of the service, and of the swarm, would mislead somebody."""
    stage.docker.says("version", "20.10.24")
    stage.docker.fails("manifest inspect", "connection refused")
    stage.docker.says("info", json.dumps({**ACTIVE, "Cluster": {"ID": "CLUSTER"}}))
    stage.docker.says("inspect --type=node", [said_of_node("node1", 1), said_of_node("node2", 2, "down")])
    update = {"Monitor": 5_000_000_000, "FailureAction": "rollback", "Order": "start-first"}
    stage.there(said_of_service(OLD, update=update, labels={HELD: '{"delay": "0s"}'}), all_of(OLD))
    told = [one.text for one in stage.backend.findings(OLD.image, 60) if one.standing is Standing.warning]
    for words in (
        "of 2 nodes node2 is down",
        "remembers 0 ended tasks",
        "looks at a new task for 5s (monitor), the probes for 60s",
        "goes back by itself",
        "waits after each batch",
        "no task can be started beside another that has the port of its node",
    ):
        assert any(words in text for text in told), told


@pytest.mark.parametrize(
    ("own", "configured", "told"),
    [(1, None, "1000 tasks, 1 at a time, are 1000 batches"), (1, 10, "100 batches"), (1, 100, ""), (0, None, "")],
)
def test_a_release_in_more_batches_than_anybody_waits_for(
    docker: Docker, tmp_path: Path, own: int, configured: int | None, told: str
) -> None:
    """The checklist says so: each has the whole budget."""
    stage = Stage(docker, tmp_path, pace=Pace(parallelism=configured))
    docker.says("version", "20.10.24")
    docker.fails("manifest inspect", "connection refused")
    many = {"Replicated": {"Replicas": 1000}}
    stage.there(said_of_service(OLD, Mode=many, update={"Parallelism": own}), all_of(OLD))
    found = [one for one in stage.backend.findings(OLD.image, 60) if "batches" in one.text]
    assert [told in one.text for one in found] == [True] * bool(told)
    assert all("parallelism = 100" in (one.hint or "") for one in found)


def test_by_hand(stage: Stage) -> None:
    """A command runs in a task of the node that is asked; logs are those of all nodes."""
    stage.there(said_of_service(OLD), [said_of_task(OLD)])
    with pytest.raises(ConfigError, match="no task of shop_web runs on the node"):
        stage.backend.exec_program("shop_web", ["sh"], terminal=False)
    stage.docker.says("container inspect", [{"Id": "abc"}])
    assert stage.backend.exec_program("shop_web", ["sh"], terminal=True).argv[-5:] == (
        *("exec", "--interactive", "--tty", "abc", "sh"),
    )
    assert stage.backend.logs_program(None, follow=True, tail=5).argv[-5:] == (
        *("logs", "--follow", "--tail", "5", "shop_web"),
    )
    with pytest.raises(ConfigError, match="no service 'db'"):
        stage.backend.exec_program("db", ["sh"], terminal=False)
