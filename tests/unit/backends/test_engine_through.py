"""The engine's API through the docker command: one question for all that there is."""

import json
import sys

import pytest

from deploykit.backends.engine import client
from deploykit.backends.engine.api import Api
from deploykit.errors import EngineUnreachable
from tests.unit.backends.docker import Docker

THROUGH = "system dial-stdio"
PING = "HTTP/1.0 200 OK\r\nApi-Version: 1.41\r\n\r\nOK"
MANY = [{"ID": f"task{number}", "Env": "x" * 1000} for number in range(3000)]


WAITING = f"""#!{sys.executable} -IS
import os, select
while not os.read(0, 65536).endswith(b"\\r\\n\\r\\n"):
    pass
hung_up = select.select([0], [], [], 0.1)[0]
os.write(1, b"" if hung_up else b"HTTP/1.0 200 OK\\r\\n\\r\\n[]")
"""


def answer(said: object, status: int = 200) -> str:
    return f"HTTP/1.0 {status} X\r\nContent-Type: application/json\r\n\r\n{json.dumps(said)}"


def tasks(api: Api) -> object:
    return api.get("/tasks")


def nothing() -> object:
    raise AssertionError("the CLI is not asked for one after the other")


def test_one_command_brings_all_that_there_is(docker: Docker) -> None:
    """However much it is."""
    docker.says(THROUGH, PING, answer(MANY))
    assert docker.engine().all_of(tasks, nothing) == MANY
    assert docker.calls() == [THROUGH, THROUGH]


def test_its_input_stays_open_while_it_is_waited_for(docker: Docker) -> None:
    """An engine does not answer somebody who has hung up."""
    (docker.folder / "docker").write_text(WAITING)
    assert docker.engine().all_of(tasks, nothing) == []


@pytest.mark.parametrize("said", [answer({"message": "This node is not a swarm manager."}, 503), "no such command", ""])
def test_what_does_not_answer_so_is_asked_by_the_cli(docker: Docker, said: str) -> None:
    """Which says in its own words what is wrong, or knows another way."""
    docker.says(THROUGH, PING, said)
    assert docker.engine().all_of(tasks, lambda: "in words") == "in words"


def test_an_engine_elsewhere_that_is_silent(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told as one at a socket is, and nothing is left running."""
    monkeypatch.setattr(client, "QUERY_TIMEOUT", 0.3)
    docker.hangs(THROUGH)
    with pytest.raises(EngineUnreachable, match=r"did not answer within 0\.3s"):
        docker.engine().all_of(tasks, nothing)


def test_what_the_cli_inspects_is_read_as_a_whole(docker: Docker) -> None:
    """A hundred containers are more than a MiB."""
    docker.says("container inspect", [{"Id": one["ID"], "Env": one["Env"]} for one in MANY])
    assert len(docker.engine().inspect([one["ID"] for one in MANY])) == len(MANY)
