"""A container registry: what can be asked of one by HTTP, and one of our own that can be stopped and frozen."""

from __future__ import annotations

import hashlib
import http.client
import json
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scripts.commands import until

if TYPE_CHECKING:
    from email.message import Message
    from pathlib import Path

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = """\
version: 0.1
log: {{level: warn}}
storage:
  filesystem: {{rootdirectory: {folder}/data}}
  delete: {{enabled: true}}
http: {{addr: "{listen}"}}
"""


@dataclass(frozen=True)
class Registry:
    """A registry that somebody runs on this machine."""

    address: str

    def answers(self) -> bool:
        try:
            return self._ask("GET", "/v2/")[0] == http.client.OK
        except OSError:
            return False

    def digest(self, repository: str, tag: str) -> str | None:
        """Return what a tag points to now."""
        return self._ask("HEAD", self._manifest(repository, tag))[1]["Docker-Content-Digest"]

    def point(self, repository: str, tag: str, digest: str) -> None:
        """Let a tag point to content that is already here."""
        manifest = self._ask("GET", self._manifest(repository, digest))[2]
        self._ask("PUT", self._manifest(repository, tag), manifest)

    def forget(self, repository: str, tag: str) -> None:
        """Remove what a tag points to, and so the tag."""
        self._ask("DELETE", self._manifest(repository, self.digest(repository, tag) or tag))

    def manifest(self, repository: str, reference: str) -> dict[str, Any]:
        """Return what a tag or a digest names."""
        return dict(json.loads(self._done("GET", self._manifest(repository, reference))[2]))

    def blob(self, repository: str, digest: str) -> bytes:
        """Return a layer, or the config of an image."""
        return self._done("GET", f"{self._path(repository)}/blobs/{digest}")[2]

    def upload(self, repository: str, content: bytes) -> str:
        """Store a blob, and return its digest."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        place = self._done("POST", f"{self._path(repository)}/blobs/uploads/")[1]["Location"]
        path = place[place.index("/v2/") :]
        self._done("PUT", f"{path}{'&' if '?' in path else '?'}digest={digest}", content)
        return digest

    def mount(self, repository: str, digest: str, origin: str) -> None:
        """Let a repository have a blob of another one, which is not sent again."""
        source = self._path(origin).removeprefix("/v2/")
        self._done("POST", f"{self._path(repository)}/blobs/uploads/?mount={digest}&from={source}")

    def put(self, repository: str, tag: str, manifest: dict[str, Any]) -> str:
        """Let a tag name an image, all of whose blobs are here; return its digest."""
        done = self._done("PUT", self._manifest(repository, tag), json.dumps(manifest).encode())
        return str(done[1]["Docker-Content-Digest"])

    def _path(self, repository: str) -> str:
        return f"/v2/{repository.removeprefix(self.address + '/')}"

    def _manifest(self, repository: str, reference: str) -> str:
        return f"{self._path(repository)}/manifests/{reference}"

    def _done(self, method: str, path: str, body: bytes | None = None) -> tuple[int, Message, bytes]:
        answer = self._ask(method, path, body)
        if answer[0] >= http.client.BAD_REQUEST:
            raise OSError(f"{method} {path}: {answer[0]} {answer[2][:200]!r}")
        return answer

    def _ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, Message, bytes]:
        connection = http.client.HTTPConnection(self.address, timeout=5)
        try:
            connection.request(method, path, body, {"Accept": MANIFEST, "Content-Type": MANIFEST})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()


@dataclass(frozen=True)
class OwnRegistry(Registry):
    """A registry process of our own: `start`, `stop` (its content stays), `pause` (it hangs), `resume`."""

    folder: Path
    binary: str
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @classmethod
    def create(cls, folder: Path, binary: str) -> OwnRegistry:
        """Start one on a free port; another process may take that port meanwhile, so try some."""
        for _ in range(3):
            registry = cls(f"localhost:{_free_port()}", folder, binary)
            registry.start()
            if registry.answers():
                return registry
            registry.stop()
        raise RuntimeError(f"docker-registry does not start: see {folder}/log")

    def start(self, *within: str) -> None:
        """Start it; `within` is a command that runs it somewhere else, as `nsenter` does."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "config.yml"
        listen = self.address.replace("localhost", "127.0.0.1")
        config.write_text(CONFIG.format(folder=self.folder, listen=listen))
        with (self.folder / "log").open("ab") as log:
            argv = [*within, self.binary, "serve", str(config)]
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, start_new_session=True
            )
        self._running.append(process)
        if not within:
            until(lambda: self.answers() or process.poll() is not None, within=10, every=0.02)

    def pause(self) -> None:
        self._running[-1].send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._running[-1].send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it; a frozen one is woken for that."""
        while self._running:
            process = self._running.pop()
            process.terminate()
            process.send_signal(signal.SIGCONT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
