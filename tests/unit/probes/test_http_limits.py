"""The `http` probe: whatever the peer does, a look ends in time, in bounded memory, and with a verdict."""

import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from queue import Queue
from select import select
from time import monotonic

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploykit.probes import HttpProbe
from deploykit.protocols import ProbeVerdict, Verdict
from deploykit.release import Instance

Handle = Callable[[socket.socket, bytes], None]
WEB = Instance(id="a" * 64, service="web", status="running", address="127.0.0.1")
MIB = 1024 * 1024
LIMIT = 0.2
# The promise is 0.1 s more than the limit; busy machines need patience, and what is broken takes many seconds.
ALLOWED = LIMIT + 1


def unhealthy(reason: str) -> Verdict:
    return Verdict(ProbeVerdict.unhealthy, reason)


def drip(connection: socket.socket, start: bytes, again: bytes) -> None:
    """Send `start`, and then a byte of `again` every 20 ms until the other end hangs up."""
    connection.sendall(start)
    while True:
        for byte in again:
            if select([connection], [], [], 0.02)[0]:
                return
            connection.sendall(bytes([byte]))


def flood(connection: socket.socket, start: bytes, again: bytes, sent: "Queue[int]") -> None:
    """Send `start`, and then `again` until the other end hangs up; tell how many bytes went."""
    total = 0
    with suppress(OSError):
        connection.sendall(start)
        while True:
            total += connection.send(again)
    sent.put(total)


def silence(connection: socket.socket, request: bytes) -> None:
    connection.recv(1)


# Time


@pytest.mark.parametrize(
    ("start", "again"),
    [
        (b"", b""),
        (b"H", b""),
        (b"", b"HTTP/1.1 200 OK\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
        (b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n", b"x"),
    ],
)
def test_a_slow_answer_ends_in_time(serve: Callable[..., int], start: bytes, again: bytes) -> None:
    """An answer that never ends, whatever part of it comes a byte at a time, ends at the limit."""

    def handle(connection: socket.socket, request: bytes) -> None:
        if again:
            drip(connection, start, again)
        else:
            connection.sendall(start)
            silence(connection, request)

    port = serve(handle)
    began = monotonic()
    verdict = HttpProbe(port=port, timeout=LIMIT).look([WEB], 60.0)
    assert monotonic() - began < ALLOWED
    assert verdict == unhealthy("no answer within 0.2s")


def test_the_callers_limit_holds_too(serve: Callable[..., int]) -> None:
    """The caller's limit holds when it is the shorter one."""
    port = serve(silence)
    began = monotonic()
    assert HttpProbe(port=port, timeout=60.0).look([WEB], LIMIT) == unhealthy("no answer within 0.2s")
    assert monotonic() - began < ALLOWED


def test_all_instances_share_the_limit(serve: Callable[..., int]) -> None:
    """Looking at several instances takes no longer than looking at one."""
    port = serve(silence)
    began = monotonic()
    verdict = HttpProbe(port=port, timeout=LIMIT).look([WEB] * 20, 60.0)
    assert monotonic() - began < ALLOWED
    assert verdict == unhealthy("aaaaaaaaaaaa: no answer within 0.2s")


def test_redirects_share_the_limit(serve: Callable[..., int]) -> None:
    """A slow answer after a redirect gets only the time that is left."""

    def handle(connection: socket.socket, request: bytes) -> None:
        if request.startswith(b"GET / "):
            select([connection], [], [], LIMIT / 2)
            connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /slow\r\nContent-Length: 0\r\n\r\n")
        else:
            silence(connection, request)

    port = serve(handle)
    began = monotonic()
    assert HttpProbe(port=port, timeout=LIMIT).look([WEB], 60.0) == unhealthy("no answer within 0.2s")
    assert monotonic() - began < ALLOWED


def test_a_peer_that_never_connects_ends_in_time() -> None:
    """A connection that is never made, as the queue of the listener is full, ends at the limit."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for filler in [stack.enter_context(socket.socket()) for _ in range(4)]:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        began = monotonic()
        verdict = HttpProbe(port=listener.getsockname()[1], timeout=LIMIT).look([WEB], 60.0)
    assert monotonic() - began < ALLOWED
    assert verdict == unhealthy("no answer within 0.2s")


def test_a_peer_that_shakes_no_hands_ends_in_time() -> None:
    """A TLS handshake that is never answered ends at the limit."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        began = monotonic()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        verdict = HttpProbe(url=url, timeout=LIMIT).look([], 60.0)
    assert monotonic() - began < ALLOWED
    assert verdict == unhealthy("no answer within 0.2s")


def test_a_hanging_name_server_ends_in_time(no_dns: None) -> None:
    """A look-up of the name that hangs ends at the limit, and keeps no thread that holds up the exit."""
    began = monotonic()
    verdict = HttpProbe(url="http://web.example/", timeout=LIMIT).look([], 60.0)
    assert monotonic() - began < ALLOWED
    assert verdict == unhealthy("no answer within 0.2s")
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "deploykit-probe")


def test_no_time_left_asks_nothing(serve: Callable[..., int], respond: Callable[..., Handle]) -> None:
    """With no time left nothing is sent."""
    seen: list[bytes] = []
    port = serve(respond(seen=seen))
    assert HttpProbe(port=port).look([WEB], 0.0) == unhealthy("no answer within 0s")
    assert HttpProbe(port=port).look([WEB], -1.0) == unhealthy("no answer within 0s")
    assert not seen


def test_nothing_is_left_behind(serve: Callable[..., int]) -> None:
    """A look that was cut leaves neither its thread nor its connection."""
    gone: Queue[bytes] = Queue()
    port = serve(lambda connection, request: gone.put(connection.recv(1)))
    HttpProbe(port=port, timeout=LIMIT).look([WEB], 60.0)
    assert gone.get(timeout=5) == b""
    for thread in threading.enumerate():
        if thread.name == "deploykit-probe":
            thread.join(5)
            assert not thread.is_alive()


# Size


@pytest.mark.parametrize(("size", "healthy"), [(MIB // 2, True), (MIB // 2 + 1, False)])
def test_a_body_has_at_most_half_a_mib(
    serve: Callable[..., int], respond: Callable[..., Handle], size: int, healthy: bool
) -> None:
    """A body of 512 KiB is taken, and one more byte is unhealthy."""
    verdict = HttpProbe(port=serve(respond(b"x" * size))).look([WEB], 30.0)
    assert verdict.healthy == healthy
    assert healthy or verdict.reason == "the answer is larger than 512 KiB"


@pytest.mark.parametrize(
    ("start", "again", "most"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536, 8),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n", b"x" * 65536, 8),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n", 8),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"F" * 99 + b"\r\n", b"x" * 65536, 8),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", b"x" * 65536, 24),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * 8000, 24),
    ],
)
def test_an_endless_body_is_cut(serve: Callable[..., int], start: bytes, again: bytes, most: int) -> None:
    """A body without an end is unhealthy as soon as it is too large: little more than that was ever taken."""
    sent: Queue[int] = Queue()
    port = serve(lambda connection, _: flood(connection, start, again, sent))
    verdict = HttpProbe(port=port).look([WEB], 30.0)
    assert verdict == unhealthy("the answer is larger than 512 KiB")
    assert sent.get(timeout=5) < most * MIB


@pytest.mark.parametrize("again", [b"X: y\r\n" * 1000, b"x" * 65536])
def test_an_endless_head_is_cut(serve: Callable[..., int], again: bytes) -> None:
    """Headers without an end are unhealthy."""
    sent: Queue[int] = Queue()
    port = serve(lambda connection, _: flood(connection, b"HTTP/1.1 200 OK\r\n", again, sent))
    verdict = HttpProbe(port=port).look([WEB], 30.0)
    assert verdict.reason.startswith("not a valid HTTP answer: got more than ")
    assert sent.get(timeout=5) < 8 * MIB


# Nonsense


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "the connection was closed without an answer"),
        (b"SSH-2.0-OpenSSH_9.2\x1b[2J\r\n", "not a valid HTTP answer: SSH-2.0-OpenSSH_9.2\\x1b[2J"),
        (b"HTTP/1.1 abc\r\n\r\n", "not a valid HTTP answer: HTTP/1.1 abc"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nxxx", "the answer broke off"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", "the answer broke off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nx", "the answer broke off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "the answer broke off"),
    ],
)
def test_a_broken_answer_is_unhealthy(serve: Callable[..., int], answer: bytes, reason: str) -> None:
    """An answer that is not HTTP, or not all of it, is unhealthy with a reason."""
    port = serve(lambda connection, _: connection.sendall(answer))
    assert HttpProbe(port=port).look([WEB], 30.0) == unhealthy(reason)


def test_a_refused_connection_is_told(closed_port: int) -> None:
    """Where nothing listens, the connection is refused."""
    assert HttpProbe(port=closed_port).look([WEB], 30.0) == unhealthy("connection refused")


def test_a_reset_connection_is_told(serve: Callable[..., int]) -> None:
    """A connection that is torn down is unhealthy with a reason."""

    def reset(connection: socket.socket, request: bytes) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    assert HttpProbe(port=serve(reset)).look([WEB], 30.0) == unhealthy("connection reset by peer")


def test_an_unknown_host_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that nobody knows, or that cannot be one, is unhealthy with a reason."""

    def unknown(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    reason = "the host name is not known"
    assert HttpProbe(url=f"http://{'x' * 70}.example/").look([], 30.0) == unhealthy(reason)
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert HttpProbe(url="http://web.example/").look([], 30.0) == unhealthy(reason)


LINES = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 302 Found\r\n",
        b"Location: //[\r\n",
        b"Location: http://\xff\x00:99999999/\r\n",
        b"Location: \r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Type: text/html\r\n",
        b"Content-Encoding: \x1b[2J\r\n",
        b"\r\n",
        b"-5\r\n",
        b"{}",
        b"[1",
    ]
)


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(parts=st.lists(LINES | st.binary(max_size=20), max_size=12))
def test_no_answer_is_an_exception(serve: Callable[..., int], parts: list[bytes]) -> None:
    """Whatever bytes come back, the look ends with a verdict that can be printed."""
    port = serve(lambda connection, _: connection.sendall(b"".join(parts)))
    verdict = HttpProbe(port=port, require={"ok": True}, timeout=30.0).look([WEB], 30.0)
    assert verdict.verdict is ProbeVerdict.unhealthy
    assert verdict.reason.isprintable()
