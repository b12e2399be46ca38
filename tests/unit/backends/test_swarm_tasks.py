"""Tasks of a swarm as instances."""

from typing import Any

import pytest

from deploykit.backends.swarm.tasks import Node, Task, belongs, instances_of, others, slots, wanted
from deploykit.release import Instance, Release
from tests.unit.backends.swarm import FOUND, NEW, NO_NODE, NODES, OLD, said_of_node, task


def seen(*found: Task, release: Release = NEW, port: bool = False) -> list[Instance]:
    return instances_of(slots("web", found), lambda one: belongs(one, release), NODES, port=port)


def only(*found: Task, release: Release = NEW, port: bool = False) -> Instance:
    (one,) = seen(*found, release=release, port=port)
    return one


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("pending", "created"),
        ("preparing", "created"),
        ("starting", "created"),
        ("running", "running"),
        ("rejected", "created"),
        ("failed", "exited"),
        ("complete", "exited"),
        ("shutdown", "exited"),
    ],
)
def test_the_state_of_a_task(state: str, status: str) -> None:
    """A task that no node has started yet is created; a refused one is too: another node may take it."""
    one = only(task(NEW, state))
    assert (one.status, one.name, one.node, one.release) == (status, "web.1", "node1", NEW.id)


@pytest.mark.parametrize(("state", "health"), [("starting", "starting"), ("running", "healthy")])
def test_the_health_of_a_task(state: str, health: str) -> None:
    """The engine calls a task running only when its healthcheck has passed; before that its container runs already."""
    one = only(task(NEW, state, checked=True))
    assert (one.status, one.health) == ("running", health)


def test_a_crash_is_told_with_its_code_and_node_when_the_next_task_waits() -> None:
    """It counts as a restart, as it does for a container."""
    one = only(task(NEW, "failed", code=3, node="n2"), task(NEW, "ready", node="n1", desired="ready"))
    assert (one.status, one.exit_code, one.restarts, one.node) == ("restarting", 3, 1, "node2")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("task: non-zero exit (3)", ""),
        ("task: non-zero exit (143): dockerexec: unhealthy container", "dockerexec: unhealthy container"),
    ],
)
def test_why_a_task_ended_is_told_where_its_code_does_not_say_it(said: str, told: str) -> None:
    """A container that its own healthcheck has found unwell is stopped by the engine."""
    assert only(task(NEW, "failed", code=3, error=said)).error == told


def test_what_crashed_before_it_was_replaced_is_not_held_against_it() -> None:
    """A slot remembers: what came before a task that was stopped on purpose, or was of another release, is past."""
    crashed, stopped = task(OLD, "failed", code=3), task(OLD, "shutdown", code=0)
    one = only(crashed, stopped, task(NEW, "failed", code=1), task(OLD), release=OLD)
    assert (one.status, one.restarts, one.exit_code) == ("running", 0, None)


def test_what_the_engine_has_lost_is_no_crash() -> None:
    """An engine that was restarted does not find its containers: the release has not failed for that."""
    gone = task(NEW, "failed", code=0, error="No such container: web.1.abc")
    assert only(gone, task(NEW)).restarts == 0


def test_a_node_may_refuse_a_task_twice() -> None:
    """A registry that fails once is no reason to go back; the third refusal is the last word, and names the node."""
    refused: dict[str, Any] = {"node": "n2", "error": "No such image: web:new"}
    twice = [task(NEW, "rejected", **refused) for _ in range(2)]
    one = only(*twice, task(NEW, "pending", node=""))
    assert (one.status, one.error) == ("created", "node node2 rejected it: No such image: web:new")
    assert only(*twice, task(NEW, "rejected", **refused), task(NEW, "pending", node="")).status == "exited"


def test_there_is_no_node_for_a_task() -> None:
    """It is told in the swarm's own words."""
    one = only(task(NEW, "pending", node="", error=NO_NODE))
    assert (one.status, one.error) == ("created", NO_NODE)


def test_a_place_that_a_lost_node_has_left_counts_no_more() -> None:
    """What serves elsewhere is judged, and the node is named; as many places as it had tasks, and no more."""
    lost = task(NEW, slot=3, node="n3", desired="shutdown")
    homeless = [task(NEW, "pending", slot=slot, node="", error=NO_NODE) for slot in (3, 4)]
    found = seen(task(NEW, slot=1), task(NEW, slot=2, node="n2"), lost, *homeless)
    assert [(one.name, one.status) for one in found] == [
        ("web.1", "running"),
        ("web.2", "running"),
        ("web.4", "created"),
    ]
    assert found[0].error == "web.3 cannot be placed: node node3 is down"


def test_a_place_that_waits_for_a_lost_task_to_end_is_not_waited_for() -> None:
    """In place, a new task is started when the old one has ended: on a node that is down it does not."""
    lost, waiting = (
        task(OLD, slot=3, node="n3", desired="shutdown"),
        task(NEW, "ready", slot=3, node="", desired="ready"),
    )
    assert [one.name for one in seen(task(NEW), lost, waiting)] == ["web.1"]
    (place,) = slots("web", [lost, waiting])
    assert not place.is_on_its_way
    (place,) = slots("web", [task(OLD, "shutdown", slot=3), task(NEW, "ready", slot=3, node="", desired="ready")])
    assert place.is_on_its_way


def test_a_release_of_which_nothing_else_is_left_keeps_its_place() -> None:
    """Where no other task of it runs, what cannot be placed is what there is."""
    lost = task(NEW, slot=1, node="n3", desired="shutdown")
    assert only(lost, task(NEW, "pending", slot=1, node="", error=NO_NODE)).status == "created"


def test_a_task_that_was_moved_from_a_lost_node_says_so() -> None:
    """It runs, and is healthy: the loss is told all the same."""
    one = only(task(NEW, node="n3", desired="shutdown"), task(NEW, node="n1"))
    assert (one.status, one.error) == ("running", "moved: node node3 is down")


def test_a_place_is_of_the_release_whose_task_is_to_run_in_it() -> None:
    """Beside what serves the newer task has it, until the older one is chosen again."""
    old, new = task(OLD), task(NEW, "starting")
    assert seen(old, new, release=OLD) == []
    assert len(seen(old, new)) == 1
    assert [one.id for one in others(slots("web", [old, new]), NEW, NODES)] == [old.id]
    failed = task(NEW, "failed", code=3)
    assert only(old, failed, release=OLD).id == old.id
    assert seen(old, failed) == []


def test_others_are_not_those_of_a_lost_node() -> None:
    """They end when it comes back, if it does: nobody waits for them."""
    places = slots("web", [task(OLD, node="n3", desired="shutdown"), task(NEW)])
    assert list(others(places, NEW, NODES)) == []


def test_a_task_without_labels_is_an_adopted_releases_by_its_image() -> None:
    """And no other's."""
    found = task(FOUND)
    assert belongs(found, FOUND)
    assert not belongs(found, NEW)
    assert not belongs(task(NEW), FOUND)


def test_labels_that_are_of_another_image_count_for_nothing() -> None:
    """Whoever gives a service an image by hand leaves our labels on it."""
    said = dict(task(NEW).said)
    said["Spec"] = {"ContainerSpec": {**said["Spec"]["ContainerSpec"], "Image": FOUND.image.pinned}}
    assert not belongs(Task(said), NEW)
    assert belongs(Task(said), FOUND)


def test_an_address_is_that_of_the_node_and_only_where_its_port_is_published() -> None:
    """A task's own network leads nowhere from here."""
    assert only(task(NEW), port=True).address == "10.0.0.1"
    assert only(task(NEW)).address is None


def test_a_manager_that_does_not_know_its_own_address() -> None:
    """Has one as a manager."""
    said = said_of_node("node1", 1)
    said["Status"]["Addr"] = "0.0.0.0"
    assert Node.of({**said, "ManagerStatus": {"Addr": "10.0.0.9:2377"}}).address == "10.0.0.9"


def test_a_node_that_just_joins_has_no_name_yet() -> None:
    """It goes by its id."""
    assert Node.of({"ID": "n4", "Description": {"Platform": {}}, "Status": {"State": "unknown"}}).name == "n4"


def test_a_service_on_every_node_is_to_have_as_many_places_as_it_has() -> None:
    """Where no number of replicas is said, the swarm knows."""
    places = slots("web", [task(NEW, slot=1), task(OLD, "shutdown", slot=2)])
    assert (wanted(None, places), wanted(3, places)) == (1, 3)
