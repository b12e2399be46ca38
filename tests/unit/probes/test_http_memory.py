"""The `http` probe: whatever comes, a look takes at most 20 MiB."""

import gzip
import json
import socket
import tracemalloc
from collections.abc import Callable
from contextlib import suppress

import pytest

from deploykit.probes import HttpProbe
from deploykit.probes._exchange import BODY_LIMIT
from deploykit.protocols import ProbeVerdict
from deploykit.release import Instance

MOST = 20 * 1024 * 1024
WEB = Instance(id="a" * 64, service="web", status="running", address="127.0.0.1")
Serve = Callable[..., int]
Respond = Callable[..., Callable[[socket.socket, bytes], None]]


def filled(piece: bytes) -> bytes:
    """As many pieces in a list as an answer may have."""
    return b"[" + b",".join([piece] * ((BODY_LIMIT - 2) // (len(piece) + 1))) + b"]"


BODIES = {
    "a gzip bomb": gzip.compress(b"[" * (64 * 1024 * 1024)),
    "many empty objects": filled(b"{}"),
    "many empty lists": filled(b"[]"),
    "many objects": filled(b'{"a":0}'),
    "many texts": filled(b'"ab"'),
    "many numbers": filled(b"1.5"),
    "one long text": json.dumps("x" * (BODY_LIMIT - 2)).encode(),
    "10,000 levels": b"[" * 10_000 + b"]" * 10_000,
    "as many levels as there is room for": b"[" * BODY_LIMIT,
    "html": b"<html>" + b"x" * (BODY_LIMIT - 6),
}


def peak_of(look: Callable[[], object]) -> int:
    """Return how much memory was in use at most, more than before."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        look()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("body", BODIES)
def test_a_hostile_body_takes_little_memory(body: str, serve: Serve, respond: Respond) -> None:
    """And is unhealthy, with a reason that names what was seen."""
    headers = {"Content-Encoding": "gzip"} if body == "a gzip bomb" else {}
    port = serve(respond(BODIES[body], headers=headers))
    probe = HttpProbe(url=f"http://127.0.0.1:{port}/", require={"ok": True}, timeout=5)
    verdicts = []
    assert peak_of(lambda: verdicts.append(probe.look([WEB], 5))) < MOST
    (verdict,) = verdicts
    assert verdict.verdict is ProbeVerdict.unhealthy
    assert verdict.reason


def test_an_endless_body_takes_little_memory(serve: Serve) -> None:
    """It is cut."""

    def flood(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with suppress(OSError):
            while True:
                connection.sendall(b"x" * 65536)

    probe = HttpProbe(url=f"http://127.0.0.1:{serve(flood)}/", require={"ok": True}, timeout=5)
    assert peak_of(lambda: probe.look([WEB], 5)) < MOST
