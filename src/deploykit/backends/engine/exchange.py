"""What is written on a connection to the engine, and what is read from it: as much of HTTP/1.1 as engines speak.

By hand, since the library's own costs every command 15 ms of its start.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

_LONGEST = 64 * 1024
"""Bytes of a line of a head."""
_BARE = {204, 304}
"""Statuses of answers that have no body, and do not say so."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`fields` are those of its head, by names in small letters; `last`: no other comes on this connection."""

    status: int
    fields: Mapping[str, str]
    body: bytes
    last: bool


def request(method: str, target: str, body: Mapping[str, object] | None = None) -> bytes:
    """Return a request, its body written as JSON."""
    content = b"" if body is None else json.dumps(body).encode()
    kind = [] if body is None else ["Content-Type: application/json"]
    head = [f"{method} {target} HTTP/1.1", "Host: docker", f"Content-Length: {len(content)}", *kind, "", ""]
    return "\r\n".join(head).encode() + content


def read_answer(stream: BinaryIO) -> Answer:
    """Read one whole answer; raises ValueError for what is none."""
    version, _, rest = _line(stream).partition(" ")
    if not version.startswith("HTTP/1."):
        msg = "no HTTP answer"
        raise ValueError(msg)
    status, fields = int(rest[:3]), dict(_fields(stream))
    bounded = status in _BARE or not {"content-length", "transfer-encoding"}.isdisjoint(fields)
    last = not bounded or version == "HTTP/1.0" or fields.get("connection", "").lower() == "close"
    return Answer(status, fields, _body(stream, status, fields), last)


def _fields(stream: BinaryIO) -> Iterator[tuple[str, str]]:
    while line := _line(stream):
        name, _, value = line.partition(":")
        yield name.lower(), value.strip()


def _body(stream: BinaryIO, status: int, fields: Mapping[str, str]) -> bytes:
    if status in _BARE:
        return b""
    if fields.get("transfer-encoding", "").lower() == "chunked":
        return b"".join(_chunks(stream))
    length = fields.get("content-length")
    return stream.read() if length is None else _exactly(stream, int(length))


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while size := int(_line(stream).partition(";")[0], 16):
        yield _exactly(stream, size)
        _line(stream)
    while _line(stream):  # what may come after the last
        pass


def _exactly(stream: BinaryIO, length: int) -> bytes:
    found = stream.read(length) if length >= 0 else b""
    if len(found) != length:
        raise _cut()
    return found


def _line(stream: BinaryIO) -> str:
    line = stream.readline(_LONGEST)
    if not line.endswith(b"\n"):
        raise _cut()
    return line.decode("latin-1").rstrip("\r\n")


def _cut() -> ValueError:
    return ValueError("the connection was closed before all of the answer came")
