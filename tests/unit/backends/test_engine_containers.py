"""Docker's containers as our values."""

from typing import Any

import pytest

from deploykit.backends.engine.containers import Container, environment_of, instance_of, label, name_of
from tests.unit.backends.docker import container


def made(**fields: Any) -> Container:
    return Container(container(**fields))


def test_a_running_container_is_told_with_all_that_is_known() -> None:
    """Times are seconds since the epoch; it has not finished, so it has no exit code."""
    one = instance_of(made(RestartCount=2), "web", "r7")
    assert (one.service, one.release, one.name, one.status) == ("web", "r7", "shop-web-1", "running")
    assert (one.restarts, one.exit_code, one.oom_killed, one.health) == (2, None, False, None)
    assert (one.created_at, one.started_at, one.finished_at) == (1767261600.5, 1767261601.0, None)
    assert one.address == "172.18.0.3"


@pytest.mark.parametrize(
    ("said", "status", "exit_code"),
    [
        ("created", "created", None),
        ("running", "running", None),
        ("paused", "paused", None),
        ("restarting", "restarting", 3),
        ("exited", "exited", 3),
        ("dead", "exited", 3),
        ("removing", "exited", 3),
        ("a state of tomorrow", "exited", 3),
    ],
)
def test_every_state_of_docker_is_one_of_ours(said: str, status: str, exit_code: int | None) -> None:
    """What is not known counts as not alive; an exit code is told only of what has exited."""
    one = instance_of(made(state={"Status": said, "ExitCode": 3}))
    assert (one.status, one.exit_code) == (status, exit_code)


def test_a_code_that_the_next_start_may_have_cleared_is_not_told() -> None:
    """The watch knows it; 0 after an exit that nothing follows is one."""
    assert instance_of(made(state={"Status": "restarting", "ExitCode": 0})).exit_code is None
    assert instance_of(made(state={"Status": "exited", "ExitCode": 0})).exit_code == 0


@pytest.mark.parametrize(
    ("said", "health"), [("starting", "starting"), ("healthy", "healthy"), ("unhealthy", "unhealthy"), ("none", None)]
)
def test_the_runtime_s_own_verdict(said: str, health: str | None) -> None:
    """None where the image has no HEALTHCHECK."""
    assert instance_of(made(state={"Health": {"Status": said, "FailingStreak": 0, "Log": []}})).health == health


def test_a_container_that_was_killed_for_its_memory() -> None:
    """It is told."""
    state = {"Status": "exited", "ExitCode": 137, "OOMKilled": True, "FinishedAt": "2026-01-01T10:00:02Z"}
    one = instance_of(made(state=state))
    assert (one.exit_code, one.oom_killed, one.finished_at) == (137, True, 1767261602.0)


def test_a_container_without_a_network_has_no_address() -> None:
    """Of several, the first that has an address counts."""
    assert instance_of(made(NetworkSettings={"Networks": {}})).address is None
    networks = {"left": {"IPAddress": ""}, "shop": {"IPAddress": "172.18.0.9"}}
    assert instance_of(made(NetworkSettings={"Networks": networks})).address == "172.18.0.9"


def test_name_labels_and_environment_are_read() -> None:
    """The name without its slash; a label that is not there is None; a value may have an equals sign in it."""
    one = made(labels={"a": "b"}, Config={"Labels": {"a": "b"}, "Env": ["URL=x?y=z", "EMPTY=", "BARE"]})
    assert (name_of(one), label(one, "a"), label(one, "c")) == ("shop-web-1", "b", None)
    assert environment_of(one) == {"URL": "x?y=z", "EMPTY": "", "BARE": ""}
    assert (label(made(Config=None), "a"), environment_of(made(Config=None))) == (None, {})
