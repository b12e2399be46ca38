"""The load generator of engine tests and benchmarks: nothing that fails goes unnoticed."""

from __future__ import annotations

import socket
import socketserver
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import pytest

from scripts.commands import until
from tests.engine.support.load import Load

if TYPE_CHECKING:
    from collections.abc import Iterator


class Server(socketserver.ThreadingTCPServer):
    """Answers with the statuses that it is given, the last one for ever; 0 is a connection that is reset."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, statuses: list[int]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses, self.connections = statuses, 0

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def next(self) -> int:
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    def get_request(self) -> tuple[socket.socket, Any]:
        self.connections += 1
        return super().get_request()

    def handle_error(self, request: object, client_address: object) -> None:
        """The client may be gone."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        status = self.server.next()
        if not status:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", "1")
        self.end_headers()
        self.wfile.write(b"a")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's
        """Say nothing."""


@contextmanager
def serving(*statuses: int) -> Iterator[Server]:
    server = Server(list(statuses))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def ask(port: int, requests: int, *, keeping: int = 0) -> Load:
    with Load(port, clients=1, keeping=keeping, pace=0.001) as load:
        assert until(lambda: load.asked >= requests, within=10, every=0.001)
    return load


def test_good_answers_are_counted_by_what_they_say() -> None:
    """Nothing has failed, and each request had a connection of its own."""
    with serving(200) as server:
        load = ask(server.port, 5)
    assert load.failed == []
    assert load.answers["a"] == load.asked == server.connections


def test_a_kept_connection_serves_many_requests() -> None:
    """One is enough."""
    with serving(200) as server:
        load = ask(server.port, 5, keeping=1)
    assert load.failed == []
    assert server.connections == 1


@pytest.mark.parametrize("keeping", [0, 1])
def test_each_failure_is_noted_once(keeping: int) -> None:
    """With its kind and its time; those that come after go on."""
    with serving(200, 503, 0, 200) as server:
        load = ask(server.port, 6, keeping=keeping)
    assert [one.how for one in load.failed] == ["status 503", "reset"]
    assert load.failed[0].at <= load.failed[1].at
    assert load.story().startswith(f"2 of {load.asked} requests failed: 1 x status 503, 1 x reset, from ")


def test_nobody_there_is_a_failure() -> None:
    """Every request is refused."""
    with serving(200) as server:
        port = server.port
    load = ask(port, 3)
    assert {one.how for one in load.failed} == {"refused"}
    assert not load.answers
