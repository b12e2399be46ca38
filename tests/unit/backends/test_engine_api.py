"""The engine's own socket: what it is asked, and that the CLI is asked wherever it does not help."""

import gc
import json
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest

from deploykit.backends.engine import client
from deploykit.backends.engine.api import Api, NotThere
from deploykit.backends.engine.containers import name_of
from deploykit.backends.engine.door import Door, Unusable
from deploykit.backends.engine.line import at_socket, local_socket
from deploykit.backends.engine.runner import TimedOut
from deploykit.errors import EngineUnreachable, StepFailed
from tests.unit.backends.docker import Docker, container, image

PING = b"HTTP/1.0 200 OK\r\nApi-Version: 1.41\r\n\r\nOK"
LABELS = {"app": "web", "release": "r1"}


def answer(said: object, status: int = 200) -> bytes:
    return f"HTTP/1.0 {status} X\r\nContent-Type: application/json\r\n\r\n{json.dumps(said)}".encode()


def refusal(message: str, status: int = 500) -> bytes:
    return answer({"message": message}, status)


class Server:
    """Answers each request by its path with what a test wrote; None closes the connection without a word."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.answers: dict[str, bytes | None] = {"/_ping": PING}
        self.asked: list[str] = []
        self.released = threading.Event()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def says(self, path: str, answered: bytes | None) -> None:
        self.answers[path] = answered

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):  # who asked may not wait for the end
                method, target, _ = connection.recv(65536).decode().split(" ", 2)
                self.asked.append(f"{method} {target}")
                path = target.removeprefix("/v1.41").partition("?")[0]
                if path not in self.answers:
                    self.released.wait()
                elif answered := self.answers[path]:
                    connection.sendall(answered)

    def close(self) -> None:
        self.released.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@pytest.fixture
def server() -> Iterator[Server]:
    # Not in pytest's own folder: the path of a socket is short.
    with tempfile.TemporaryDirectory() as folder:
        made = Server(f"{folder}/docker.sock")
        yield made
        made.close()


@pytest.fixture
def engine(docker: Docker, server: Server) -> client.Engine:
    """An engine behind the socket, with the scripted program beside it."""
    return docker.engine(DOCKER_HOST=f"unix://{server.path}", DB_PASSWORD="hunter2")


def test_the_engine_s_id_comes_over_the_socket(engine: client.Engine, docker: Docker, server: Server) -> None:
    """In the version that the engine speaks itself; no command is run."""
    server.says("/info", answer({"ID": "ABCD"}))
    assert engine.id() == "ABCD"
    assert server.asked == ["GET /_ping", "GET /v1.41/info"]
    assert docker.calls() == []


def test_containers_are_found_by_their_labels(engine: client.Engine, docker: Docker, server: Server) -> None:
    """All of them, in whatever state; the one that went away meanwhile is not there."""
    rows = [{"Id": "aa", "Names": ["/other/alias", "/web-1"]}, {"Id": "bb", "Names": ["/web-2"]}]
    server.says("/containers/json", answer(rows))
    server.says("/containers/aa/json", answer(container("web-1")))
    server.says("/containers/bb/json", refusal("No such container: bb", 404))
    assert engine.ids(LABELS) == ["aa", "bb"]
    assert engine.names(LABELS) == ["web-1", "web-2"]
    assert [name_of(one) for one in engine.containers(LABELS)] == ["web-1"]
    assert "all=1&filters=%7B%22label%22%3A+%5B%22app%3Dweb%22%2C+%22release%3Dr1%22%5D%7D" in server.asked[1]
    assert docker.calls() == []


def test_networks_are_told_by_name(engine: client.Engine, docker: Docker, server: Server) -> None:
    """All of them."""
    server.says("/networks", answer([{"Name": "bridge", "Id": "aa"}, {"Name": "shop", "Id": "bb"}]))
    assert engine.networks() == ["bridge", "shop"]
    assert docker.calls() == []


def test_images_are_told_named_and_unnamed(engine: client.Engine, docker: Docker, server: Server) -> None:
    """By tag, by digest or by id; one that is not there is None, not an error."""
    server.says("/images/registry.test:5000/team/web:one/json", answer(image()))
    server.says("/images/sha256:aa/json", refusal("No such image: sha256:aa", 404))
    server.says("/images/sha256:bb/tag", b"HTTP/1.0 201 Created\r\n\r\n")
    server.says("/images/deploykit/shop:r7", answer([{"Untagged": "x"}]))
    found = engine.image("registry.test:5000/team/web:one")
    assert found
    assert found["Id"] == image()["Id"]
    assert engine.image("sha256:aa") is None
    engine.tag("sha256:bb", "deploykit/shop:r7", "keeping")
    engine.untag("deploykit/shop:r7")
    assert server.asked[-2:] == [
        "POST /v1.41/images/sha256:bb/tag?repo=deploykit%2Fshop&tag=r7",
        "DELETE /v1.41/images/deploykit/shop:r7?noprune=1",
    ]
    assert docker.calls() == []


@pytest.mark.parametrize(
    "said",
    [
        None,
        b"\x00\xff garbage",
        b"HTTP/1.0 200 OK\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n",
        b'HTTP/1.0 200 OK\r\n\r\n{"ID": "cut',
        b"HTTP/1.0 two hundred\r\n\r\n{}",
        b"HTTP/1.0 301 Moved\r\n\r\n",
        answer([]),
        answer({"Name": "no id"}),
        refusal("page not found", 404),
        refusal("out of order"),
    ],
)
def test_the_cli_is_asked_where_the_socket_gives_no_answer(
    engine: client.Engine, docker: Docker, server: Server, said: bytes | None
) -> None:
    """Whatever came in place of one."""
    docker.says("info", "BY-CLI\n")
    server.says("/info", said)
    assert engine.id() == "BY-CLI"


def test_a_refusal_is_told_in_the_words_of_the_cli(engine: client.Engine, docker: Docker, server: Server) -> None:
    """As where there is no socket: without secrets, and by what it was for."""
    docker.fails("container inspect", "Error response from daemon: hunter2: input/output error", out="[]")
    docker.fails("image inspect", "Error: No such image: x", out="[]")
    docker.fails("tag", "Error response from daemon: No such image: x")
    docker.fails("rmi", "Error: conflict")
    for path in ("/containers/aa/json", "/images/x/json", "/images/x"):
        server.says(path, refusal("in its own words"))
    server.says("/images/x/tag", refusal("No such image: x", 404))
    with pytest.raises(StepFailed, match=r"docker container inspect failed: .*\[redacted\]: input/output error"):
        engine.inspect(["aa"])
    assert engine.image("x") is None
    with pytest.raises(StepFailed, match=r"keeping web failed: .*No such image"):
        engine.tag("x", "a:b", "keeping web")
    with pytest.raises(StepFailed, match="docker rmi failed: Error: conflict"):
        engine.untag("x")


def test_an_engine_that_does_not_answer_in_time_cannot_be_reached(
    engine: client.Engine, docker: Docker, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not asked a second time by the CLI, which would wait as long again."""
    monkeypatch.setattr(client, "QUERY_TIMEOUT", 0.2)
    with pytest.raises(EngineUnreachable, match=r"did not answer within 0\.2s"):
        engine.id()
    assert docker.calls() == []
    assert server.asked[-1] == "GET /v1.41/info"


def test_an_answer_that_drips_has_no_longer_than_one_that_is_silent(server: Server) -> None:
    """The time is that of the whole answer, not of each piece."""
    now = iter([0.0, *[0.1 * step for step in range(1, 100)]])
    server.says("/_ping", PING * 100_000)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("deploykit.backends.engine.line.time.monotonic", lambda: next(now))
        with pytest.raises(TimedOut):
            Api(Door(at_socket(server.path)), 1.0).id()


def _gone(path: str) -> None:
    Path(path).unlink()


def _closed(path: str) -> None:
    Path(path).unlink()
    Path(path).touch()


@pytest.mark.parametrize("spoil", [_gone, _closed])
def test_a_socket_that_cannot_be_opened_is_explained_by_the_cli(
    engine: client.Engine, docker: Docker, server: Server, spoil: Callable[[str], None]
) -> None:
    """Not there, or nobody behind it."""
    docker.fails("info", "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?")
    spoil(server.path)
    with pytest.raises(EngineUnreachable, match="cannot be reached: Cannot connect"):
        engine.id()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every socket")
def test_a_socket_of_somebody_else_is_explained_by_the_cli(
    engine: client.Engine, docker: Docker, server: Server
) -> None:
    """It says that this user may not use it."""
    docker.fails("info", "permission denied while trying to connect to the Docker daemon socket")
    Path(server.path).chmod(0)
    with pytest.raises(EngineUnreachable, match="permission denied"):
        engine.id()


def test_what_is_not_there_is_told_apart_from_what_cannot_be_read(server: Server) -> None:
    """The first is an answer."""
    server.says("/containers/aa/json", refusal("No such container: aa", 404))
    server.says("/containers/bb/json", refusal("page not found", 404))
    api = Api(Door(at_socket(server.path)), 5)
    with pytest.raises(NotThere):
        api.container("aa")
    with pytest.raises(Unusable):
        api.container("bb")


@pytest.mark.parametrize("collects", [True, False])
@pytest.mark.parametrize("cut", [0, 1])
def test_a_large_answer_leaves_the_collector_as_it_was(server: Server, collects: bool, cut: int) -> None:
    """Whether or not it can be read: a thousand tasks are read without it."""
    said = answer([{"ID": "x" * 1000}] * 2000)
    server.says("/tasks", said[: len(said) - cut])
    (gc.enable if collects else gc.disable)()
    try:
        with pytest.raises(Unusable) if cut else nullcontext():
            assert len(Api(Door(at_socket(server.path)), 5).get("/tasks")) == 2000
        assert gc.isenabled() is collects
    finally:
        gc.enable()


SOCKET = "/var/run/docker.sock"


@pytest.mark.parametrize(
    ("host", "context", "environment", "path"),
    [
        (None, None, {}, SOCKET),
        ("unix:///run/a.sock", None, {"DOCKER_HOST": "tcp://h:1"}, "/run/a.sock"),
        (None, None, {"DOCKER_HOST": "unix:///run/b.sock", "DOCKER_CONTEXT": "far"}, "/run/b.sock"),
        ("ssh://h", None, {}, None),
        (None, None, {"DOCKER_HOST": "tcp://h:1"}, None),
        (None, "far", {}, None),
        (None, None, {"DOCKER_CONTEXT": "far"}, None),
        (None, None, {"DOCKER_HOST": "unix:///run/b.sock", "DOCKER_API_VERSION": "1.40"}, None),
        (None, None, {"DOCKER_TLS_VERIFY": "1"}, None),
        ("unix://relative.sock", None, {}, None),
    ],
)
def test_the_socket_is_the_one_that_the_cli_would_use(
    tmp_path: Path, host: str | None, context: str | None, environment: dict[str, str], path: str | None
) -> None:
    """Else there is none."""
    assert local_socket(host, context, {"HOME": str(tmp_path), **environment}) == path


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"currentContext": "far"}, None),
        ({"HttpHeaders": {"X-Token": "t"}}, None),
        ({"credsStore": "pass"}, SOCKET),
        ([], SOCKET),
    ],
)
def test_the_cli_s_own_settings_count(tmp_path: Path, settings: Any, path: str | None) -> None:
    """A context that was chosen for good, and headers that an engine may demand."""
    (tmp_path / "config.json").write_text(json.dumps(settings))
    assert local_socket(None, None, {"DOCKER_CONFIG": str(tmp_path)}) == path
