"""The door to a Docker engine: how it is called, and what its answers mean."""

import os
from pathlib import Path

import pytest
from python_on_whales import DockerClient

from deploykit.backends.engine.client import ComposeScope, Engine, last_line
from deploykit.backends.engine.containers import name_of
from deploykit.backends.engine.runner import TimedOut
from deploykit.errors import EngineUnreachable, StepFailed
from deploykit.protocols import Control
from tests.unit.backends.docker import Docker, container

UNREACHABLE = [
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
    "error during connect: Get http://%2F%2Fdocker: EOF",
    "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock",
    "dial unix /var/run/docker.sock: connect: permission denied",
]


def test_a_query_goes_to_the_engine_that_was_named(docker: Docker) -> None:
    """By host, by context, or to the CLI's own default."""
    docker.says("version", "20")
    environment = docker.engine().environment
    for engine in (Engine(host="tcp://h:1", environment=environment), Engine(context="c", environment=environment)):
        assert engine.ask("version") == "20"
    assert docker.engine().ask("version") == "20"
    assert docker.calls() == ["--host tcp://h:1 version", "--context c version", "version"]


def test_a_command_gets_what_reaches_the_engine_and_nothing_to_interpolate(docker: Docker) -> None:
    """Variables of the shell that a compose file could name do not leak into a release's own."""
    docker.says("info", "x")
    docker.engine(DOCKER_HOST="unix:///x", https_proxy="p", SSH_AUTH_SOCK="s", WEB_TAG="two", HOMEPAGE="h").ask("info")
    found = docker.environment("info")
    assert {"PATH", "HOME", "DOCKER_HOST", "https_proxy", "SSH_AUTH_SOCK"} <= set(found)
    assert not {"WEB_TAG", "HOMEPAGE"} & set(found)


def test_compose_gets_the_variables_of_its_project(docker: Docker, tmp_path: Path) -> None:
    """Files, folder, name and env file are said; a model comes as the file `-`."""
    docker.says("compose")
    scope = ComposeScope((tmp_path / "a.yml", "-"), tmp_path, "shop", (tmp_path / ".env",))
    docker.engine(OTHER="1").compose(scope, "config", variables={"WEB_TAG": "two"}, model=b"{}")
    (call,) = docker.calls()
    for words in (f"--file {tmp_path}/a.yml", "--project-name shop", f"--env-file {tmp_path}/.env"):
        assert words in call
    assert f"--project-directory {tmp_path}" in call
    assert call.endswith("config")
    assert docker.environment("config")["WEB_TAG"] == "two"
    assert "OTHER" not in docker.environment("config")
    assert docker.stdin("config") == "{}"


@pytest.mark.parametrize("name", [None, "shop"])
@pytest.mark.parametrize("where", [{"host": "tcp://h:1"}, {"context": "c"}, {}])
def test_files_are_read_by_the_very_words_of_other_commands(
    docker: Docker, tmp_path: Path, name: str | None, where: dict[str, str]
) -> None:
    """Though they are put together apart from them."""
    docker.says("compose")
    scope = ComposeScope((tmp_path / "a.yml", "-"), tmp_path, name, (tmp_path / ".env", tmp_path / "b.env"))
    engine = Engine(**where, environment=docker.engine().environment)
    engine.compose(scope, "config", variables={"A": "1"}, model=b"{}")
    environment = docker.environment("config")
    engine.read(scope, "config", variables={"A": "1"}, model=b"{}")
    first, second = docker.calls()
    assert first == second
    assert (docker.environment("config"), docker.stdin("config")) == (environment, "{}")


@pytest.mark.parametrize("where", [{"host": "tcp://h:1"}, {"context": "c"}, {}])
def test_the_engine_is_named_as_python_on_whales_names_it(docker: Docker, where: dict[str, str]) -> None:
    """Commands without Compose do not wait for it to be imported."""
    docker.says("ps")
    Engine(**where, environment=docker.engine().environment).docker("ps")
    assert docker.calls() == [
        " ".join(map(str, [*DockerClient(host=where.get("host"), context=where.get("context")).docker_cmd[1:], "ps"]))
    ]


def test_a_machine_without_docker_reads_nothing(docker: Docker, tmp_path: Path) -> None:
    """In the same words as elsewhere."""
    (docker.folder / "docker").unlink()
    with pytest.raises(EngineUnreachable, match="no docker command"):
        docker.engine().read(ComposeScope((), tmp_path), "config", variables={})


def test_a_refusal_is_told_in_the_engine_s_own_words_without_secrets(docker: Docker) -> None:
    """The last line says why; all of it is the detail."""
    docker.fails("info", "warning: hunter2\n\nError: no space left on hunter2\n\n")
    with pytest.raises(StepFailed, match=r"^docker info failed: Error: no space left on \[redacted\]$") as caught:
        docker.engine(DB_PASSWORD="hunter2").ask("info")
    assert caught.value.detail == "warning: [redacted]\n\nError: no space left on [redacted]"


def test_who_looks_at_the_code_gets_no_error(docker: Docker) -> None:
    """A command may fail as far as the door is concerned."""
    docker.fails("inspect", "No such object", code=3)
    assert docker.engine().docker("inspect", "x").code == 3


@pytest.mark.parametrize("said", UNREACHABLE)
def test_an_engine_that_cannot_be_reached_is_told_apart_from_one_that_refuses(docker: Docker, said: str) -> None:
    """Exit 5, with what to look at; whichever way it was called."""
    docker.fails("info", said)
    with pytest.raises(EngineUnreachable, match="cannot be reached"):
        docker.engine().docker_within(9, "info")
    with pytest.raises(EngineUnreachable, match="cannot be reached") as caught:
        docker.engine().docker("info")
    assert caught.value.exit_code == 5
    assert "docker info" in caught.value.hint


@pytest.mark.parametrize("said", ["unknown command: docker compose", "docker: 'compose' is not a docker command."])
def test_a_docker_without_compose_is_told(docker: Docker, tmp_path: Path, said: str) -> None:
    """With what to install."""
    docker.fails("compose", said)
    with pytest.raises(EngineUnreachable, match="Compose v2 is not installed") as caught:
        docker.engine().compose(ComposeScope((), tmp_path), "config", variables={})
    assert "2.20" in caught.value.hint


def test_a_machine_without_docker_is_told(docker: Docker) -> None:
    """Exit 5, and no traceback of another library."""
    (docker.folder / "docker").unlink()
    with pytest.raises(EngineUnreachable, match="no docker command"):
        docker.engine().id()


def test_an_engine_that_does_not_answer_in_time_cannot_be_reached(docker: Docker) -> None:
    """A query's time is the engine's own."""
    docker.hangs("info")
    with pytest.raises(EngineUnreachable, match=r"did not answer within 0\.3s"):
        docker.engine().docker("info", timeout=0.3)


def test_a_command_whose_time_is_not_the_engine_s_own_just_takes_too_long(docker: Docker) -> None:
    """A pull that hangs says nothing about the engine; nor does a command inside a container."""
    docker.hangs("pull")
    docker.hangs("exec")
    with pytest.raises(TimedOut):
        docker.engine().docker_within(0.3, "pull", "x")
    with pytest.raises(StepFailed, match=r"^curl did not end within 0\.3s$"):
        docker.engine().execute("web", ["curl", "x"], 0.3)


def test_a_command_inside_a_container_may_fail(docker: Docker) -> None:
    """Its code and output are its own."""
    docker.fails("exec", "no", code=7, out="yes")
    done = docker.engine().execute("web", ["./check", "-v"], 5)
    assert (done.code, done.output, done.errors) == (7, b"yes", b"no")
    assert docker.calls() == ["exec web ./check -v"]


def test_containers_are_found_by_their_labels_in_whatever_state(docker: Docker) -> None:
    """Every label must be there, and those that have exited count."""
    docker.says("ps", "aa\nbb\n")
    docker.says("container inspect", [container("a"), container("b")])
    found = docker.engine().containers({"app": "web", "release": "r1"})
    assert [name_of(one) for one in found] == ["a", "b"]
    assert docker.calls() == [
        "ps --all --quiet --no-trunc --filter label=app=web --filter label=release=r1",
        "container inspect aa bb",
    ]


def test_a_container_that_went_away_meanwhile_is_not_there(docker: Docker) -> None:
    """Those that are left are; asking for none asks nothing."""
    docker.fails("container inspect", "Error: No such container: bb", out="[]")
    assert docker.engine().inspect(["bb"]) == []
    docker.calls()
    assert docker.engine().inspect([]) == []
    assert len(docker.calls()) == 1


def test_an_inspect_that_fails_otherwise_is_an_error(docker: Docker) -> None:
    """Nobody may take it for containers that are gone."""
    docker.fails("container inspect", "Error response from daemon: open layer: input/output error", out="[]")
    with pytest.raises(StepFailed, match="input/output error"):
        docker.engine().inspect(["bb"])


def test_a_change_must_work_and_holds_the_lock(docker: Docker) -> None:
    """It inherits the descriptors of the lock, as no query does."""
    reader, writer = os.pipe()
    docker.fails("rm", "Error: in use")
    docker.says("ps")
    control = Control(inherit=(writer,))
    with pytest.raises(StepFailed, match="docker rm failed: Error: in use"):
        docker.engine().change(control, "rm", "--force", "web")
    docker.engine().docker("ps", control=control)
    os.close(reader)
    os.close(writer)
    assert writer in docker.inherited("rm")
    assert writer not in docker.inherited("ps")


def test_events_are_asked_for_from_a_moment_on(docker: Docker) -> None:
    """As JSON, of containers alone, for as long as somebody listens."""
    command = docker.engine().events_command(12.5, "label=a=b")
    assert " ".join(command.argv[1:]) == (
        "events --since 12.500000 --format {{json .}} --filter type=container --filter label=a=b"
    )
    assert (command.timeout, command.changes) == (float("inf"), False)


@pytest.mark.parametrize(("text", "line"), [("a\n b \n\n", "b"), ("", "it said nothing"), ("x" * 900, "x" * 500)])
def test_the_reason_is_the_last_line_that_says_something(text: str, line: str) -> None:
    """Cut to what fits into a message."""
    assert last_line(text) == line
