"""Asks the engine without starting a program: that would be half of what the tests do with it."""

from __future__ import annotations

import functools
import http.client
import json
import os
import socket
from contextlib import closing
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

from scripts.commands import CommandFailed, run

PATIENCE = 60


class Refused(CommandFailed):
    """The engine does not do what it was asked, or does not answer; the text says why."""


def ask(path: str, method: str = "GET", **query: object) -> Any:
    """Return what the engine answers, nothing when there is no such thing; raises Refused."""
    words = {key: value if isinstance(value, str) else json.dumps(value) for key, value in query.items()}
    try:
        status, text = _exchange(method, f"{path}?{urlencode(words)}")
    except (OSError, http.client.HTTPException) as error:
        raise Refused(f"{method} {path}: {error}") from error
    if status == HTTPStatus.NOT_FOUND:
        return None
    if status >= HTTPStatus.BAD_REQUEST:
        raise Refused(f"{method} {path}: {text.decode(errors='replace').strip()}")
    return json.loads(text) if text else None


def _exchange(method: str, target: str) -> tuple[int, bytes]:
    with closing(_connection(os.environ.get("DOCKER_HOST") or _host_of_context())) as connection:
        connection.request(method, target, headers={"Host": "engine"})
        answer = connection.getresponse()
        return answer.status, answer.read()


@functools.cache
def _host_of_context() -> str:
    """Return where the docker command finds the engine, when no variable says so."""
    return run(["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]).strip()


def _connection(host: str) -> http.client.HTTPConnection:
    address = urlsplit(host)
    if address.scheme == "unix":
        return _OverSocket(address.path)
    if address.scheme == "tcp" and address.port:
        return http.client.HTTPConnection(str(address.hostname), address.port, timeout=PATIENCE)
    raise Refused(f"the tests know no way to an engine at {host}")


class _OverSocket(http.client.HTTPConnection):
    """HTTP over a socket that is a file."""

    def __init__(self, path: str) -> None:
        super().__init__("engine", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self._path)
