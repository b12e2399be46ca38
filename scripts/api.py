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

from scripts.commands import run

PATIENCE = 60


class Refused(Exception):
    """The engine does not do what it was asked; the text says why."""


def ask(path: str, method: str = "GET", **query: object) -> Any:
    """Return what the engine answers, nothing when there is no such thing; raises Refused and OSError."""
    words = {key: value if isinstance(value, str) else json.dumps(value) for key, value in query.items()}
    with closing(_connection(os.environ.get("DOCKER_HOST") or _host_of_context())) as connection:
        connection.request(method, f"{path}?{urlencode(words)}", headers={"Host": "engine"})
        answer = connection.getresponse()
        text = answer.read()
    if answer.status == HTTPStatus.NOT_FOUND:
        return None
    if answer.status >= HTTPStatus.BAD_REQUEST:
        raise Refused(f"{method} {path}: {text.decode(errors='replace').strip()}")
    return json.loads(text) if text else None


@functools.cache
def _host_of_context() -> str:
    """Return where the docker command finds the engine, when no variable says so."""
    return run(["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]).strip()


def _connection(host: str) -> http.client.HTTPConnection:
    address = urlsplit(host)
    if address.scheme == "unix":
        return _OverSocket(address.path)
    return http.client.HTTPConnection(address.hostname or "", address.port or 0, timeout=PATIENCE)


class _OverSocket(http.client.HTTPConnection):
    """HTTP over a socket that is a file."""

    def __init__(self, path: str) -> None:
        super().__init__("engine", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self._path)
