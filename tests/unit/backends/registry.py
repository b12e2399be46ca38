"""A registry on this machine that answers what a test wrote, and notes what it was asked."""

import hashlib
import json
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from deploykit.backends.engine.registry.catalogue import Catalogue
from deploykit.backends.engine.registry.credentials import Credentials

Said = tuple[int, Mapping[str, str], bytes]
USER, SECRET, TOKEN = "ci", "hunter2-canary", "token-canary"
BASIC = f"Basic {b64encode(f'{USER}:{SECRET}'.encode()).decode()}"


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    body: str

    @property
    def authorization(self) -> str:
        return self.headers.get("Authorization", "")


@dataclass
class StubRegistry:
    """Answers by path; `guard` is asked first, and lets pass with None."""

    answers: dict[str, Said] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    guard: Callable[[Asked], Said | None] = lambda asked: None
    host: str = ""

    @property
    def repository(self) -> str:
        return f"{self.host}/team/web"

    def has(
        self, tag: str, created: str, *, size: int = 100, platform: str = "linux/amd64", index: bool = False
    ) -> str:
        """Push an image, also as one of an index, and return the digest of its tag."""
        system, _, machine = platform.partition("/")
        config = self.blob({"os": system, "architecture": machine, "created": created})
        layers = {"layers": [{"size": size, "digest": "x"}], "config": {"digest": config, "size": 0}}
        digest = self._manifest(tag, layers)
        if not index:
            return digest
        listed = [
            {"digest": digest, "platform": {"os": system, "architecture": machine}},
            {"digest": "sha256:0", "platform": {"os": "unknown", "architecture": "unknown"}},
        ]
        return self._manifest(tag, {"manifests": listed})

    def blob(self, content: Any) -> str:
        body = json.dumps(content).encode()
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self.answers[f"/v2/team/web/blobs/{digest}"] = said(body)
        return digest

    def tags(self, *names: str) -> None:
        self.answers["/v2/team/web/tags/list?n=1000"] = said({"name": "team/web", "tags": [*names]})

    def catalogue(self, settings: Mapping[str, Any] | None = None, platform: str = "linux/amd64") -> Catalogue:
        """What asks it, with these settings of docker's."""
        return Catalogue(platform, Credentials(settings or {}, {"PATH": "/nowhere"}))

    @property
    def login(self) -> dict[str, Any]:
        """Settings of docker's that have a login for it."""
        return {"auths": {self.host: {"auth": BASIC.removeprefix("Basic ")}}}

    def _manifest(self, tag: str, content: Any) -> str:
        body = json.dumps(content).encode()
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self.answers[f"/v2/team/web/manifests/{digest}"] = self.answers[f"/v2/team/web/manifests/{tag}"] = said(body)
        return digest


def said(body: Any = b"", status: int = 200, **headers: str) -> Said:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, content


def refused(status: int, code: str = "DENIED", **headers: str) -> Said:
    return said({"errors": [{"code": code, "message": f"no, {SECRET} {TOKEN}"}]}, status, **headers)


@pytest.fixture
def make_registry() -> Iterator[Callable[[], StubRegistry]]:
    """Makes registries that answer until the test ends."""
    servers: list[ThreadingHTTPServer] = []

    def make() -> StubRegistry:
        registry = StubRegistry()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                asked = Asked(self.command, self.path, dict(self.headers), self.rfile.read(length).decode())
                registry.asked.append(asked)
                nothing = refused(404, "NAME_UNKNOWN")
                status, headers, body = registry.guard(asked) or registry.answers.get(self.path, nothing)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 - http.server's name

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        registry.host = f"127.0.0.1:{server.server_address[1]}"
        return registry

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def registry(make_registry: Callable[[], StubRegistry]) -> StubRegistry:
    """One of them."""
    return make_registry()
