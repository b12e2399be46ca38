"""Small servers on 127.0.0.1, one thread a connection, that must all have ended when the test has."""

import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from threading import Event, Thread

import pytest

Handle = Callable[[socket.socket, bytes], None]
Serve = Callable[..., int]


class Server:
    """Gives `handle` the head of each request, or what came when somebody spoke TLS; `tls` is for https."""

    def __init__(self, handle: Handle, tls: ssl.SSLContext | None, host: str) -> None:
        self._handle = handle
        self._tls = tls
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()
        assert not any(thread.is_alive() for thread in self._threads), "a connection is still open"

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._threads.append(Thread(target=self._serve, args=(connection,), daemon=True))
                self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with ExitStack() as stack:
            stack.enter_context(suppress(OSError))
            stack.enter_context(connection)
            if self._tls:
                connection.getpeername()  # ssl leaks the socket of a peer that has gone already
                connection = stack.enter_context(self._tls.wrap_socket(connection, server_side=True))
            self._handle(connection, _head(connection))


def _head(connection: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head and not head.startswith(b"\x16") and (more := connection.recv(65536)):
        head += more
    return head


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server with `serve(handle)`, and get its port."""
    with ExitStack() as stack:

        def start(handle: Handle, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> int:
            server = Server(handle, tls, host)
            stack.callback(server.close)
            return server.port

        yield start


@pytest.fixture
def respond() -> Callable[..., Handle]:
    """Make a handler that answers the same to everyone, and keeps the requests in `seen`."""

    def make(
        body: bytes = b"",
        status: int = 200,
        kind: str = "application/json",
        headers: Mapping[str, str] | None = None,
        seen: list[bytes] | None = None,
    ) -> Handle:
        fields = {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        answer = f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n".encode("latin-1") + body

        def handle(connection: socket.socket, request: bytes) -> None:
            if seen is not None:
                seen.append(request)
            connection.sendall(answer)

        return handle

    return make


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Yield a port that refuses: bound, and never listening."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@pytest.fixture
def no_dns(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make every look-up of a name hang until the test has ended."""
    over = Event()

    def hang(*_: object, **__: object) -> object:
        over.wait()
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    yield
    over.set()
