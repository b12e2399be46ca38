"""The connection to an engine that is kept open: what may become of it, and that nothing of it is left."""

import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from deploykit.backends.engine import wire as module
from deploykit.backends.engine.client import Engine
from deploykit.backends.engine.wire import Wire
from deploykit.errors import ConfigError, EngineUnreachable
from tests.unit.backends.docker import ELSEWHERE, Docker, children

DATE = "Sun, 29 Nov 2026 21:00:00 GMT"
AT = 1795986000.0


def answer(body: str = '{"a": 1}', *head: str, status: int = 200, length: int | None = None) -> bytes:
    lines = (f"HTTP/1.1 {status} X", f"Content-Length: {len(body) if length is None else length}", *head)
    return "\r\n".join([*lines, "", body]).encode()


GOOD = answer('{"a": 1}', f"Date: {DATE}")
PING = "GET /_ping"


class Server:
    """Answers one request after the other with what a test wrote, and closes the connection when that is None.

    A ping is answered, but tells no version, as that of a proxy may be.
    """

    def __init__(self, path: str, *answers: bytes | None) -> None:
        self.path = path
        self.answers = list(answers)
        self.asked: list[str] = []
        self.connections = 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                with connection:
                    self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        while asked := _request(connection):
            self.asked.append(asked)
            said = answer("OK") if asked == PING else self.answers.pop(0)
            if said is None:
                return
            connection.sendall(said)
            if said in CUT:
                return

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def _request(connection: socket.socket) -> str:
    """Return method and target of the next request; nothing when there is none."""
    with connection.makefile("rb") as stream:
        first, *head = [*iter(lambda: stream.readline().decode().strip(), ""), ""]
        length = next((line.split()[1] for line in head if line.startswith("Content-Length")), "0")
        stream.read(int(length))
    return first.partition(" HTTP")[0]


HALF = answer('{"a": 1}', f"Date: {DATE}", length=1000)
CUT = {HALF}


@pytest.fixture
def server() -> Iterator[Server]:
    # Not in pytest's own folder: the path of a socket is short.
    with tempfile.TemporaryDirectory() as folder:
        made = Server(f"{folder}/docker.sock")
        yield made
        made.close()


@pytest.fixture
def wire(server: Server) -> Wire:
    return Wire(Engine(f"unix://{server.path}", environment={"HOME": "/nonexistent"}))


def test_one_connection_serves_many_questions(wire: Wire, server: Server) -> None:
    """Each answer comes with its status, and the engine's own time."""
    server.answers += [GOOD, answer('{"message": "no"}', f"Date: {DATE}", status=409), answer("", f"Date: {DATE}")]
    replies = [wire.ask("GET", "/volumes"), wire.ask("POST", "/x", {"Name": "n"}), wire.ask("DELETE", "/x")]
    assert [(one.status, one.ok, one.said, one.message) for one in replies] == [
        (200, True, {"a": 1}, ""),
        (409, False, {"message": "no"}, "no"),
        (200, True, None, ""),
    ]
    assert replies[0].at == AT
    assert (server.asked, server.connections) == ([PING, "GET /volumes", "POST /x", "DELETE /x"], 1)


def test_an_engine_that_was_restarted_is_asked_again(wire: Wire, server: Server) -> None:
    """The connection that was open is gone; nobody hears of it."""
    server.answers += [GOOD, None, GOOD]
    wire.ask("GET", "/one")
    assert wire.ask("GET", "/two").said == {"a": 1}
    assert (server.asked, server.connections) == ([PING, "GET /one", "GET /two", "GET /two"], 2)


def test_an_engine_that_was_restarted_may_speak_another_version(wire: Wire, server: Server) -> None:
    """It is asked anew which."""
    server.answers += [GOOD, None, GOOD, GOOD]
    for target in ("/one", "/two", "/three"):
        wire.ask("GET", target)
    assert server.asked[-2:] == [PING, "GET /three"]


def test_an_answer_in_chunks_is_read_whole(wire: Wire, server: Server) -> None:
    """As engines send what is long."""
    head = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nDate: {DATE}\r\n\r\n"
    server.answers += [head.encode() + b'4\r\n{"a"\r\n4\r\n: 1}\r\n0\r\n\r\n']
    assert wire.ask("GET", "/one").said == {"a": 1}


@pytest.mark.parametrize("said", [None, HALF, b"SSH-2.0-OpenSSH_9.6\r\n\r\n"], ids=["nothing", "half", "no HTTP"])
def test_a_connection_that_breaks_again_is_an_engine_that_is_not_reached(
    wire: Wire, server: Server, said: bytes | None
) -> None:
    """Told in one line; and the next question begins anew."""
    server.answers += [said, said, GOOD]
    with pytest.raises(EngineUnreachable, match=r"the Docker engine cannot be reached: ."):
        wire.ask("GET", "/one")
    assert wire.ask("GET", "/two").said == {"a": 1}
    assert server.connections == 3


@pytest.mark.parametrize(
    "said",
    [
        answer("<html>Bad gateway</html>", f"Date: {DATE}", status=502),
        answer("{}"),
        answer("{}", "Date: yesterday"),
    ],
    ids=["HTML", "no time", "no date"],
)
def test_what_is_no_answer_of_an_engine_is_told(wire: Wire, server: Server, said: bytes) -> None:
    """In one line; and the next question is asked all the same."""
    server.answers += [said, GOOD]
    with pytest.raises(EngineUnreachable, match=r"the Docker engine cannot be reached: ."):
        wire.ask("GET", "/one")
    assert wire.ask("GET", "/two").said == {"a": 1}


def test_an_engine_that_hangs_is_not_waited_for(wire: Wire, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """No longer than for any other question."""
    monkeypatch.setattr(module, "QUERY_TIMEOUT", 0.05)
    server.answers += [b"HTTP/1.1 200 OK\r\n"]
    with pytest.raises(EngineUnreachable, match="timed out"):
        wire.ask("GET", "/one")


@pytest.mark.parametrize("said", ["[]", '"text"', "null", '{"Volumes": [1]}'])
def test_json_of_somebody_else_is_told(wire: Wire, server: Server, said: str) -> None:
    """A proxy that answers in an engine's place."""
    server.answers += [answer(said, f"Date: {DATE}")]
    reply = wire.ask("GET", "/volumes")
    with pytest.raises(ConfigError, match="what the Docker engine answers cannot be read"):
        reply.read(lambda said, at: [one["Name"] for one in said["Volumes"]])


def test_an_engine_that_is_not_there_is_told(tmp_path: Path) -> None:
    """With what is wrong."""
    with pytest.raises(EngineUnreachable, match=r"No such file or directory$"):
        Wire(Engine(f"unix://{tmp_path}/none", environment={})).ask("GET", "/one")


def test_an_engine_elsewhere_is_reached_through_the_cli(docker: Docker) -> None:
    """Its input and output are the connection; when it has ended, it is started again."""
    docker.says("system dial-stdio", GOOD.decode())
    wire = Wire(docker.engine())
    assert [wire.ask("GET", "/one").said for _ in range(2)] == [{"a": 1}] * 2
    assert docker.connections() == 4  # for each, and for each to be greeted
    assert docker.environment("dial-stdio")["DOCKER_HOST"] == ELSEWHERE


def test_what_the_cli_says_is_told(docker: Docker) -> None:
    """Its last line is the reason, whatever banner came before; no process of it is left."""
    docker.fails("system dial-stdio", "Welcome!\nPermission denied (publickey).\n", code=255)
    before = children()
    with pytest.raises(EngineUnreachable, match=r"cannot be reached: Permission denied \(publickey\)\.$"):
        Wire(docker.engine()).ask("GET", "/one")
    assert children() <= before


def test_a_cli_that_cannot_be_started_leaves_nothing_open(docker: Docker) -> None:
    """Not even a socket; and what lacks is told."""
    (docker.folder / "docker").write_text("#!/nonexistent/sh\n")
    wire, before = Wire(docker.engine()), descriptors()
    with pytest.raises(EngineUnreachable, match="No such file or directory"):
        wire.ask("GET", "/one")
    assert descriptors() == before


def descriptors() -> int:
    return len([*Path("/proc/self/fd").iterdir()])
