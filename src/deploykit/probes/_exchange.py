"""One request and its answer, with the redirects between them."""

import io
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage, HTTPResponse, HTTPSConnection
from socket import SHUT_RDWR, create_connection, socket
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from deploykit.probes._deadline import Deadline
from deploykit.probes._look import Unhealthy
from deploykit.probes._words import public_url

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BODY_LIMIT = 512 * 1024
"""Bytes of a body: what JSON makes of so many takes less than 20 MiB, also of nothing but empty objects."""
# Room for chunk headers and for the 100 headers of 64 KiB that http.client takes.
_WIRE_LIMIT = 8 * 1024 * 1024
_TOO_LARGE = "the answer is larger than 512 KiB"
_REDIRECTS = 3
_REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
_PORTS = {"http": 80, "https": 443}
_URL_CHARACTERS = "!#$%&'()*+,/:;=?@[]~"


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of every URL on the way. `accepts` tells which statuses end it, redirects among them."""

    method: str
    headers: Mapping[str, str]
    accepts: Callable[[int], bool]
    tls: Callable[[], ssl.SSLContext]

    @property
    def host(self) -> str:
        """The host that it claims to ask, if not the URL's own."""
        return next((value for name, value in self.headers.items() if name.lower() == "host"), "")


@dataclass(frozen=True, slots=True)
class Answer:
    """The last answer; its body is as it came, never decompressed."""

    status: int
    headers: HTTPMessage
    body: bytes


class Exchange:
    """A request under way, which another thread can cut. `upgraded` tells whether it was redirected to https."""

    def __init__(self, url: str, request: Request, deadline: Deadline) -> None:
        self.upgraded = False
        self._url = url
        self._request = request
        self._deadline = deadline
        self._socket: socket | None = None
        self._over = False

    def run(self) -> Answer:
        """Ask, and follow redirects.

        Raises:
            Unhealthy: the answer is too large, or redirects too often or elsewhere.
            OSError, HTTPException, ValueError: the network, or the peer.
        """
        for _ in range(1 + _REDIRECTS):
            answer = self._ask()
            if not self._redirects(answer):
                return answer
            self._follow(answer.headers["Location"])
        msg = f"redirected more than {_REDIRECTS} times, at last to {public_url(self._url)}"
        raise Unhealthy(msg)

    def cut(self) -> None:
        """End it soon, whatever it waits for. Safe from another thread, and when it is over."""
        self._over = True
        if self._socket is not None:
            with suppress(OSError):
                # Not SSLSocket.shutdown, which drops the TLS object that the other thread is using.
                socket.shutdown(self._socket, SHUT_RDWR)

    def _redirects(self, answer: Answer) -> bool:
        return (
            answer.status in _REDIRECT_STATUSES
            and not self._request.accepts(answer.status)
            and self._request.method in {"GET", "HEAD"}
            and "Location" in answer.headers
        )

    def _follow(self, location: str) -> None:
        here, there = urlsplit(self._url), urlsplit(urljoin(self._url, location))
        self.upgraded |= _upgrades(here, there)
        self._url = _followed(here, there, self._request.host)

    def _ask(self) -> Answer:
        parts = urlsplit(self._url)
        with self._connected(parts) as sock:
            connection = self._connection(parts)
            connection.sock = _Wire(sock)
            connection.request(self._request.method, _target(parts), headers=dict(self._request.headers))
            with connection.getresponse() as response:
                return Answer(response.status, response.headers, _body(response))

    def _connection(self, parts: SplitResult) -> HTTPConnection:
        if parts.scheme == "https":
            return HTTPSConnection(str(parts.hostname), parts.port, context=self._request.tls())
        return HTTPConnection(str(parts.hostname), parts.port)

    @contextmanager
    def _connected(self, parts: SplitResult) -> Iterator[socket]:
        with ExitStack() as stack:
            address = (str(parts.hostname), parts.port or _PORTS[parts.scheme])
            sock = stack.enter_context(create_connection(address, self._deadline.left()))
            if parts.scheme == "https":
                sock = stack.enter_context(self._request.tls().wrap_socket(sock, server_hostname=parts.hostname))
            self._socket = sock
            if self._over:  # only now: `cut` sets it first, and then looks for the socket
                raise TimeoutError
            sock.settimeout(self._deadline.left())
            yield sock


class _Wire(io.RawIOBase):
    """A socket as http.client uses one, with an end to what can be read: a chunk of size -1 has none of its own."""

    def __init__(self, sock: socket) -> None:
        self._sock = sock
        self._left = _WIRE_LIMIT
        self.sendall = sock.sendall

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        count = self._sock.recv_into(buffer)
        self._left -= count
        if self._left < 0:
            raise Unhealthy(_TOO_LARGE)
        return count

    def close(self) -> None:
        """Leave the socket open: http.client closes it before it reads the body."""


def _body(response: HTTPResponse) -> bytes:
    body = response.read(BODY_LIMIT + 1)
    if len(body) > BODY_LIMIT:
        raise Unhealthy(_TOO_LARGE)
    if response.length:
        raise Unhealthy("the answer broke off")
    return body


def _target(parts: SplitResult) -> str:
    query = f"?{parts.query}" if parts.query else ""
    return quote(f"{parts.path or '/'}{query}", safe=_URL_CHARACTERS)


def _followed(here: SplitResult, there: SplitResult, host: str) -> str:
    """Return where to go; `host` is what the request called the place that it asked.

    Raises:
        Unhealthy: it leads elsewhere: what answers there need not be what is looked at.
    """
    if host and _origin(there) == _origin(urlsplit(f"{here.scheme}://{host}")):
        there = there._replace(netloc=here.netloc)
    if _origin(there) != _origin(here) and not (_upgrades(here, there) and there.hostname == here.hostname):
        msg = f"redirected to {public_url(there.geturl())}, which is elsewhere"
        raise Unhealthy(msg)
    return there.geturl()


def _upgrades(here: SplitResult, there: SplitResult) -> bool:
    return (here.scheme, there.scheme) == ("http", "https")


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
