"""The engine asked over its own socket: a question costs a twentieth of what a command of the CLI costs.

Nothing here changes a container, and nothing here explains a failure: whatever goes wrong, the CLI is asked the same
once more, and says in its own words what it is. A local socket is used where the CLI would use that very one.
"""

import gc
import json
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from deploykit.backends.engine.runner import TimedOut

T = TypeVar("T")

DEFAULT_SOCKET = "unix:///var/run/docker.sock"
_SCHEME = "unix://"
# They change how the engine is spoken to, or which one it is, in ways that are the CLI's own.
_ONLY_THE_CLI = ("DOCKER_API_VERSION", "DOCKER_TLS", "DOCKER_TLS_VERIFY")
_CHUNK = 256 * 1024
_LARGE = 1024 * 1024


class Unusable(Exception):
    """No answer that can be used came over the socket: the CLI is to be asked."""


class NotThere(Exception):
    """The engine has no such container or image."""


def local_socket(host: str | None, context: str | None, environment: Mapping[str, str]) -> str | None:
    """Return the path of the socket that the CLI would use; None where it would use something else, or may."""
    settings = cli_settings(environment)
    if context or "HttpHeaders" in settings or any(environment.get(name) for name in _ONLY_THE_CLI):
        return None
    named = host or environment.get("DOCKER_HOST")
    if not named and (environment.get("DOCKER_CONTEXT") or settings.get("currentContext")):
        return None
    path = (named or DEFAULT_SOCKET).removeprefix(_SCHEME)
    return path if path.startswith("/") else None


def cli_settings(environment: Mapping[str, str]) -> Mapping[str, object]:
    """Return the CLI's own settings."""
    folder = environment.get("DOCKER_CONFIG") or f"{environment.get('HOME') or Path.home()}/.docker"
    try:
        said = json.loads(Path(folder, "config.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


Exchange = Callable[[bytes, float], bytes]
"""Sends a request, and returns all that is answered to it, before a deadline. Raises OSError, TimeoutError."""


def at_socket(path: str) -> Exchange:
    """Return what asks an engine at its socket. By HTTP/1.0 an answer ends with its connection, and comes as it is."""

    def exchange(request: bytes, deadline: float) -> bytes:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_left(deadline))
            connection.connect(path)
            connection.sendall(request)
            answer = bytearray()
            while chunk := _received(connection, deadline):
                answer += chunk
        return bytes(answer)

    return exchange


@dataclass
class Api:
    """The engine behind an exchange. Each call takes `within` seconds at most.

    Raises:
        TimedOut: there was no whole answer within that time.
        Unusable: there was none, or none that can be used.
        NotThere: the engine has no such thing.
    """

    exchange: Exchange
    within: float
    _version: str | None = None

    def id(self) -> str:
        """Return the engine's own lasting id."""
        return _read(self._ask("GET", "/info"), lambda said: str(said["ID"]))

    def containers(self, labels: Mapping[str, str]) -> list[tuple[str, str]]:
        """Return id and name of every container with these labels, in whatever state."""
        filters = json.dumps({"label": [f"{name}={value}" for name, value in labels.items()]})
        query = urlencode({"all": "1", "filters": filters})
        return _read(
            self._ask("GET", f"/containers/json?{query}"),
            lambda said: [(str(one["Id"]), _name(one["Names"])) for one in said],
        )

    def container(self, named: str) -> dict[str, Any]:
        """Return what the engine knows of a container."""
        return _read(self._ask("GET", f"/containers/{quote(named)}/json"), lambda said: {**said})

    def networks(self) -> list[str]:
        """Return the names of all networks."""
        return _read(self._ask("GET", "/networks"), lambda said: [str(one["Name"]) for one in said])

    def image(self, reference: str) -> dict[str, Any]:
        """Return what the engine knows of an image."""
        return _read(self._ask("GET", f"/images/{_quoted(reference)}/json"), lambda said: {**said})

    def tag(self, reference: str, name: str) -> None:
        """Give an image one more name, `repository:tag`."""
        repository, _, tag = name.rpartition(":")
        self._ask("POST", f"/images/{_quoted(reference)}/tag?{urlencode({'repo': repository, 'tag': tag})}")

    def untag(self, name: str) -> None:
        """Take a name off an image, and remove what is left without one; its layers' parents stay."""
        self._ask("DELETE", f"/images/{_quoted(name)}?noprune=1")

    def get(self, target: str) -> Any:
        """Return what the engine answers to a question that only one backend has, read as JSON."""
        return self._ask("GET", target)

    def _ask(self, method: str, target: str) -> object:
        """Return what was answered, read as JSON; None for an answer without content."""
        deadline = time.monotonic() + self.within
        try:
            status, _, body = self._exchange(method, f"{self._prefix(deadline)}{target}", deadline)
            said = _parsed(body) if body else None
        except TimeoutError as error:
            raise TimedOut from error
        except (OSError, ValueError) as error:
            raise Unusable(str(error)) from error
        if status == 404 and "no such" in _message(said).lower():
            raise NotThere
        if not 200 <= status < 300:
            msg = f"{status} {_message(said)}"
            raise Unusable(msg)
        return said

    def _prefix(self, deadline: float) -> str:
        """Return what stands before every path: the version that the engine speaks itself, asked once."""
        if self._version is None:
            _, head, _ = self._exchange("GET", "/_ping", deadline)
            named = (line.partition(":") for line in head.splitlines())
            self._version = next((value.strip() for name, _, value in named if name.lower() == "api-version"), "")
        return f"/v{self._version}" if self._version else ""

    def _exchange(self, method: str, target: str, deadline: float) -> tuple[int, str, bytes]:
        """Return status, head and body."""
        request = f"{method} {target} HTTP/1.0\r\nHost: docker\r\nContent-Length: 0\r\n\r\n"
        head, end, body = self.exchange(request.encode(), deadline).partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.") or not end:
            msg = "no HTTP answer"
            raise ValueError(msg)
        return int(head[9:12]), head.decode("latin-1"), body


def _received(connection: socket.socket, deadline: float) -> bytes:
    connection.settimeout(_left(deadline))
    return connection.recv(_CHUNK)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _parsed(body: bytes) -> object:
    """Read JSON; a large one without the collector, which would go through all that is read so far again and again."""
    if len(body) < _LARGE or not gc.isenabled():
        return json.loads(body)
    gc.disable()
    try:
        return json.loads(body)
    finally:
        gc.enable()


def _quoted(reference: str) -> str:
    return quote(reference, safe="/:@")


def _message(said: object) -> str:
    return str(said.get("message", "")) if isinstance(said, dict) else ""


def _name(names: list[str]) -> str:
    """Return the container's own name among those that others link to it by, which have a second slash."""
    return next(name[1:] for name in names if "/" not in name[1:])


def _read(said: object, read: Callable[[Any], T]) -> T:
    try:
        return read(said)
    except (LookupError, TypeError, ValueError, StopIteration) as error:
        msg = f"not what was asked for: {error!r}"
        raise Unusable(msg) from error
