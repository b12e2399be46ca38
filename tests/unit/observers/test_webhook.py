"""Notices, to a server on 127.0.0.1."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event as Flag
from threading import Thread
from typing import Any

import pytest

from deploykit.clock import SystemClock
from deploykit.errors import Outcome
from deploykit.events import Sight, Warned, WatchEnded
from deploykit.observers.webhook import Webhook
from deploykit.record import Kind
from deploykit.states import State
from tests.unit.made import rolled_back

FAILED = rolled_back("Container exited <early> & often", duration=4.21234)
DEPLOYED = replace(FAILED, outcome=Outcome.deployed, state=State.healthy, exit_code=0, failure=None)
ROLLBACK = replace(DEPLOYED, kind=Kind.rollback)
SECRET = "/services/T0/hunter2"


class Receiver:
    """Answers with one status after the other, the last for ever; None: not at all."""

    def __init__(self, *statuses: int | None) -> None:
        self.got: list[tuple[str, Any, Any]] = []
        self.over = Flag()
        left = list(statuses)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.got.append((self.path, self.headers, body))
                status = left.pop(0) if len(left) > 1 else left[0]
                if status is None:
                    receiver.over.wait(10)
                    return
                self.send_response(status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}{SECRET}"


@contextmanager
def receiving(*statuses: int | None) -> Iterator[Receiver]:
    receiver = Receiver(*statuses)
    thread = Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.over.set()
        receiver.server.shutdown()
        receiver.server.server_close()
        thread.join()


def webhook(url: str, **options: Any) -> tuple[Webhook, list[str]]:
    warned: list[str] = []
    options = {"timeout": 0.3, "gaps": (0.01, 0.01), **options}
    return Webhook(url=url, app="shop", by="alice", clock=SystemClock(), warn=warned.append, **options), warned


def test_what_is_posted() -> None:
    """All that a program, or a channel of people, wants to know."""
    with receiving(200) as receiver:
        send, warned = webhook(receiver.url, headers={"Authorization": "Bearer x"})
        send(FAILED)
        send.close()
    ((path, headers, body),) = receiver.got
    assert (path, headers["Authorization"], headers["Content-Type"]) == (SECRET, "Bearer x", "application/json")
    text = body.pop("text")
    assert "shop: deploy of ghcr.io/team/web:two (r7): rolled back, exit 1: Container exited" in text
    assert "&lt;early&gt; &amp; often. Now serves: nothing." in text
    assert body == {
        "event": "deployment.finished",
        "app": "shop",
        "target": None,
        "id": "r7",
        "kind": "deploy",
        "outcome": "rolled_back",
        "exit_code": 1,
        "image": "ghcr.io/team/web:two",
        "tag": "two",
        "serving": None,
        "previous": None,
        "failure": "Container exited <early> & often",
        "by": "alice",
        "host": socket.gethostname(),
        "duration": 4.212,
    }
    assert warned == []


@pytest.mark.parametrize("events", ["failures", "all"])
def test_what_turned_unhealthy_is_one_notice(events: Any) -> None:
    """That of the release, with what came of it; the rollback's own only when that never comes."""
    back, fallen = replace(ROLLBACK, id="r8"), replace(FAILED, id="r7")
    with receiving(200) as receiver:
        send, _ = webhook(receiver.url, events=events)
        for event in (WatchEnded(id="r7", at=0, sight=Sight.unhealthy, elapsed=5), back, fallen):
            send(event)
        send.close()
        assert [body["id"] for _, _, body in receiver.got] == ["r7"]
        for event in (WatchEnded(id="r7", at=0, sight=Sight.unhealthy, elapsed=5), back):
            send(event)
        send.close()
        assert [body["id"] for _, _, body in receiver.got] == ["r7", "r8"]


@pytest.mark.parametrize(
    ("events", "outcomes"),
    [("failures", ["rolled_back", "deployed"]), ("all", ["rolled_back", "deployed", "deployed"])],
)
def test_which_ends_are_told(events: Any, outcomes: list[str]) -> None:
    """Failures and rollbacks, or all; and no other event."""
    with receiving(204) as receiver:
        send, _ = webhook(receiver.url, events=events)
        for event in (FAILED, ROLLBACK, DEPLOYED) if events == "all" else (FAILED, DEPLOYED, ROLLBACK):
            send(event)
            send(Warned(id="r7", at=0, text="low on disk"))
            send.close()
    assert [body["outcome"] for _, _, body in receiver.got] == outcomes


@pytest.mark.parametrize(
    ("statuses", "tries", "warning"),
    [
        ((500, 500, 200), 3, None),
        ((429, 200), 2, None),
        ((500,), 3, "it answered 500"),
        ((404,), 1, "it answered 404"),
        ((302,), 1, "it answered 302"),
        ((None,), 3, "no answer within 0.3s"),
    ],
)
def test_it_is_tried_again_where_that_may_help(statuses: tuple[int], tries: int, warning: str | None) -> None:
    """Three times at most; what is lost is a warning, without the URL, which is a secret."""
    with receiving(*statuses) as receiver:
        send, warned = webhook(receiver.url)
        send(FAILED)
        send.close()
        assert len(receiver.got) == tries
    assert warned == ([f"WARNING: the notice to [notify] url was not sent: {warning}"] if warning else [])


def test_nobody_listens() -> None:
    """A warning, told once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    send, warned = webhook(f"http://127.0.0.1:{port}{SECRET}")
    send(FAILED)
    send.close()
    send.close()
    assert warned == ["WARNING: the notice to [notify] url was not sent: Connection refused"]


def test_the_deployment_does_not_wait_and_the_end_of_it_not_for_long() -> None:
    """Sending is beside it; `close` gives up when the total is over, whatever a try may take."""
    with receiving(None) as receiver:
        send, warned = webhook(receiver.url, timeout=5, total=0.5)
        began = time.monotonic()
        send(FAILED)
        assert time.monotonic() - began < 0.2
        send.close()
        assert time.monotonic() - began < 2
        assert len(warned) == 1


def test_an_answer_that_drips_is_given_up() -> None:
    """Each byte comes in time, and the end of it never."""
    over = Flag()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                while not over.wait(0.05):
                    connection.sendall(b"H")

        dripping = Thread(target=drip)
        dripping.start()
        send, warned = webhook(f"http://127.0.0.1:{listener.getsockname()[1]}{SECRET}", total=0.4)
        began = time.monotonic()
        send(FAILED)
        send.close()
        took = time.monotonic() - began
        over.set()
        dripping.join()
    assert took < 2
    assert len(warned) == 1


@pytest.mark.parametrize("headers", [{"X": "hunter2\r\nY: 1"}, {"X": "hunter2\u20ac"}])
def test_what_cannot_be_sent_tells_no_secret(headers: dict[str, str]) -> None:
    """The HTTP library's own words have the header's value in them."""
    with receiving(200) as receiver:
        send, warned = webhook(receiver.url, headers=headers)
        send(FAILED)
        send.close()
    (warning,) = warned
    assert "is the URL, or a header, right?" in warning
    assert "hunter2" not in warning + repr(send)
