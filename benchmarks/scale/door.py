"""The socket of a swarm that is only pretended: the docker command and deploykit speak to it as to an engine."""

from __future__ import annotations

import hashlib
import json
import socketserver
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from benchmarks.scale.swarm import CRASHES, OutOfSequence, Swarm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

API = "1.41"
REPOSITORY = "registry.test/team/web"
TAGS = ("main-1", "main-2", f"{CRASHES}-1")
CLUSTER = {"ID": "swarm1", "Spec": {"Orchestration": {"TaskHistoryRetentionLimit": 5}}}
INFO = {"ID": "engine1", "Swarm": {"LocalNodeState": "active", "ControlAvailable": True, "Cluster": CLUSTER}}


TELLS = 0.0001
"""Seconds that a real engine takes to tell of a task, in a list of thousands."""


class NoSuch(Exception):
    """There is nothing that is called so."""


def answered(swarm: Swarm, method: str, target: str, body: bytes) -> bytes:
    """Return what an engine answers to a request, as JSON."""
    parts = urlsplit(target.removeprefix(f"/v{API}"))
    path = parts.path.strip("/")
    if path == "_ping":
        return b"OK"
    if method == "GET":
        return _told(swarm, path)
    if path.startswith("services/"):
        swarm.update(int(parse_qs(parts.query)["version"][0]), json.loads(body))
        return _json({"Warnings": None})
    return b""  # a name that an image gets, or loses


def _told(swarm: Swarm, path: str) -> bytes:
    kind, _, named = path.partition("/")
    match kind, named:
        case "tasks", "":
            return swarm.tasks()
        case "services", _:
            return _json(swarm.service() if named else [swarm.service()])
        case "nodes", "":
            return _json(swarm.nodes())
        case "images", _:
            return _json(_image(unquote(named.removesuffix("/json"))))
        case "containers", "json":
            return b"[]"
        case "info", "":
            return _json(INFO)
        case _:
            raise NoSuch(path)


def pinned(tag: str) -> str:
    """Return an image's name with the digest that it has here."""
    return f"{REPOSITORY}:{tag}@{_digest(tag)}"


def _image(named: str) -> dict[str, Any]:
    """Return an image, by its id, its digest or its name; each has a healthcheck."""
    for tag in TAGS:
        name, identity = f"{REPOSITORY}:{tag}", _sha(tag)
        if named in {name, identity, f"{REPOSITORY}@{_digest(tag)}", pinned(tag)}:
            return {
                "Id": identity,
                "RepoTags": [name],
                "RepoDigests": [f"{REPOSITORY}@{_digest(tag)}"],
                "Size": 2_000_000,
                "Created": "2026-01-01T10:00:00Z",
                "Config": {"Healthcheck": {"Test": ["CMD", "true"]}},
            }
    raise NoSuch(named)


def _digest(tag: str) -> str:
    return _sha(f"the digest of {tag}")


def _sha(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _json(said: object) -> bytes:
    return json.dumps(said).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Door

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            with self.server.lock:
                status, said = 200, answered(self.server.swarm, self.command, self.path, body)
        except OutOfSequence:
            status, said = 500, _json({"message": "rpc error: code = Unknown desc = update out of sequence"})
        except NoSuch as error:
            status, said = 404, _json({"message": f"No such thing: {error}"})
        if self.path.partition("?")[0].endswith("/tasks"):
            time.sleep(TELLS * self.server.swarm.remembered)
        self.send_response(status)
        for name, value in (("Api-Version", API), ("Ostype", "linux"), ("Content-Type", "application/json")):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(said)

    do_GET = do_HEAD = do_POST = do_DELETE = _answer  # noqa: N815 - the library's names

    def address_string(self) -> str:
        return "here"

    def log_message(self, *_: object) -> None:
        return


class Door(socketserver.ThreadingUnixStreamServer):
    """Serves a swarm on a socket."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path: Path, swarm: Swarm) -> None:
        self.swarm = swarm
        self.lock = threading.Lock()
        super().__init__(str(path), _Handler)


@contextmanager
def opened(path: Path, swarm: Swarm) -> Iterator[None]:
    """Serve a swarm for the time of a `with` block."""
    with Door(path, swarm) as door:
        thread = threading.Thread(target=door.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            door.shutdown()
            thread.join()
