"""The engine's API through the docker command: one process for all questions."""

import sys

import pytest

from deploykit.backends.engine import client, door, line
from deploykit.backends.engine.api import Api
from deploykit.backends.engine.wire import Wire
from deploykit.errors import EngineUnreachable
from tests.unit.backends.docker import Answer, Docker, children

THROUGH = "system dial-stdio"
MANY = [{"ID": f"task{number}", "Env": "x" * 1000} for number in range(3000)]


WAITING = f"""#!{sys.executable} -IS
import os, select
while not os.read(0, 65536).endswith(b"\\r\\n\\r\\n"):
    pass
hung_up = select.select([0], [], [], 0.1)[0]
os.write(1, b"" if hung_up else b"HTTP/1.0 200 OK\\r\\n\\r\\n[]")
"""


def tasks(api: Api) -> object:
    return api.get("/tasks")


def nothing() -> object:
    raise AssertionError("the CLI is not asked for one after the other")


def test_one_command_serves_all_who_ask(docker: Docker) -> None:
    """However much they are told, and whatever the questions are for."""
    docker.says("tasks", MANY)
    docker.serves("/tasks", "tasks")
    engine = docker.engine()
    assert [engine.either(tasks, nothing) for _ in range(3)] == [MANY] * 3
    assert Wire(engine).ask("GET", "/tasks").said == MANY
    assert (docker.connections(), docker.calls()) == (1, [])
    assert docker.questions() == ["/_ping", *["/tasks"] * 4]


def test_nothing_of_it_is_left(docker: Docker) -> None:
    """Its process ends with who asked."""
    docker.says("tasks", "[]")
    docker.serves("/tasks", "tasks")
    before = children()
    engine = docker.engine()
    engine.either(tasks, nothing)
    assert len(children() - before) == 1
    del engine
    assert children() <= before


def test_a_connection_that_was_not_used_for_long_is_not_trusted(
    docker: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is between may have forgotten it without a word: an answer would be waited for in vain."""
    monkeypatch.setattr(door, "_FRESH", 0)
    docker.says("tasks", "[]")
    docker.serves("/tasks", "tasks")
    assert docker.engine().either(tasks, nothing) == []
    assert docker.connections() == 2  # one to be greeted on, one to ask on


def test_its_input_stays_open_while_it_is_waited_for(docker: Docker) -> None:
    """An engine does not answer somebody who has hung up."""
    (docker.folder / "docker").write_text(WAITING)
    assert docker.engine().either(tasks, nothing) == []


@pytest.mark.parametrize("answered", [Answer("no HTTP"), Answer(), Answer(err="no such command", code=1)])
def test_a_docker_that_lends_no_connection_is_asked_by_commands(docker: Docker, answered: Answer) -> None:
    """It knows another way, or says in its own words what is wrong."""
    docker.answers(THROUGH, answered)
    assert docker.engine().either(tasks, lambda: "in words") == "in words"


def test_a_refusal_is_told_in_the_words_of_the_cli(docker: Docker) -> None:
    """As that of an engine at a socket."""
    docker.fails("tasks", "This node is not a swarm manager.")
    docker.serves("/tasks", "tasks")
    assert docker.engine().either(tasks, lambda: "in words") == "in words"


def test_an_engine_elsewhere_that_is_silent(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told as one at a socket is, and nothing is left running, nor waited for."""
    monkeypatch.setattr(client, "QUERY_TIMEOUT", 0.3)
    monkeypatch.setattr(line, "_END", "no number: nobody waits so long")
    docker.hangs(THROUGH)
    before = children()
    with pytest.raises(EngineUnreachable, match=r"did not answer within 0\.3s"):
        docker.engine().either(tasks, nothing)
    assert children() <= before


def test_what_the_cli_inspects_is_read_as_a_whole(docker: Docker) -> None:
    """A hundred containers are more than a MiB."""
    docker.says("container inspect", [{"Id": one["ID"], "Env": one["Env"]} for one in MANY])
    assert len(docker.engine().inspect([one["ID"] for one in MANY])) == len(MANY)
