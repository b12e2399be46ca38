"""The engine's HTTP API, wherever the engine is: over its own socket, or through docker's CLI, which knows the way.

`docker system dial-stdio` lends its input and output as a connection to whatever engine `docker` would talk to: by ssh,
by TLS, by a context. What must not be seen in a list of processes, and what the CLI has no command for, goes this way.
"""

import json
import socket
import subprocess
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException
from threading import Lock
from typing import Any, TypeVar
from weakref import finalize

from deploykit.backends.engine.api import local_socket
from deploykit.backends.engine.client import QUERY_TIMEOUT, Engine, last_line
from deploykit.backends.engine.through import WORDS
from deploykit.errors import ConfigError, EngineUnreachable

T = TypeVar("T")

_BROKEN = (OSError, HTTPException, ValueError)
_SAID = 4096
_END = 2.0
"""Seconds for docker's CLI to end when nobody is left who asks."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the engine answered, read as JSON, and when, by its own clock, in seconds since the epoch."""

    status: int
    said: Any
    at: float

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def message(self) -> str:
        """Why it did not do what was asked."""
        return str(self.said.get("message", "")) if isinstance(self.said, dict) else ""

    def read(self, read: Callable[[Any, float], T]) -> T:
        """Return what is made of the answer and its time; raises ConfigError when it is none of an engine."""
        try:
            return read(self.said, self.at)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            msg = f"what the Docker engine answers cannot be read: {error!r}"
            raise ConfigError(msg, hint="Is there a proxy before it? Try `docker info`.") from error


class Wire:
    """One connection to an engine, kept open, and made anew when it broke. Threads take turns."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: HTTPConnection | None = None
        self._turn = Lock()

    def ask(self, method: str, target: str, body: Mapping[str, object] | None = None) -> Reply:
        """Ask within QUERY_TIMEOUT. Only for what may be asked twice: a connection that was open may be gone by now.

        Raises:
            EngineUnreachable: no whole answer came. Whether it did what was asked is not known.
        """
        with self._turn:
            kept, self._connection = self._connection, None  # until it has proved itself once more
            if kept:
                with suppress(*_BROKEN):
                    return self._asked(kept, method, target, body)
                kept.close()
            connection = _connection(self._engine)
            try:
                return self._asked(connection, method, target, body)
            except _BROKEN as error:
                raise _unreachable(connection, error) from error

    def _asked(self, connection: HTTPConnection, method: str, target: str, body: Mapping[str, object] | None) -> Reply:
        reply = _exchange(connection, method, target, body)
        self._connection = connection
        return reply


class _SocketConnection(HTTPConnection):
    """HTTP over a socket of this machine."""

    def __init__(self, path: str) -> None:
        super().__init__("docker")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        finalize(self, self.sock.close)
        self.sock.settimeout(QUERY_TIMEOUT)
        self.sock.connect(self._path)


class _DialledConnection(HTTPConnection):
    """HTTP over the input and output of `docker system dial-stdio`."""

    def __init__(self, engine: Engine) -> None:
        super().__init__("docker")
        self._program = engine.program(*WORDS)
        self._hang_up: finalize[..., _DialledConnection] | None = None

    def connect(self) -> None:
        ours, theirs = socket.socketpair()
        with ExitStack() as failing, theirs:
            failing.callback(ours.close)
            child = subprocess.Popen(
                self._program.argv,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.PIPE,
                env=dict(self._program.environment),
                start_new_session=True,  # it ends with the connection, not by a Ctrl-C
            )
            failing.pop_all()
        ours.settimeout(QUERY_TIMEOUT)
        self.sock = ours
        self._hang_up = finalize(self, _hang_up, ours, child)

    def last_words(self) -> str:
        """End it, and return what it had to say."""
        said = self._hang_up() if self._hang_up else None
        return (said or b"").decode(errors="replace")


def _hang_up(ours: socket.socket, child: "subprocess.Popen[bytes]") -> bytes:
    ours.close()
    try:
        _, said = child.communicate(timeout=_END)
    except subprocess.TimeoutExpired:
        child.kill()
        _, said = child.communicate()
    return said[-_SAID:]


def _connection(engine: Engine) -> HTTPConnection:
    path = local_socket(engine.host, engine.context, engine.environment)
    return _SocketConnection(path) if path else _DialledConnection(engine)


def _exchange(connection: HTTPConnection, method: str, target: str, body: Mapping[str, object] | None) -> Reply:
    content = None if body is None else json.dumps(body)
    connection.request(method, target, content, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    at = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    return Reply(answer.status, json.loads(text) if text.strip() else None, at)


def _unreachable(connection: HTTPConnection, error: Exception) -> EngineUnreachable:
    said = connection.last_words() if isinstance(connection, _DialledConnection) else ""
    connection.close()
    reason = last_line(said) if said.strip() else str(error) or type(error).__name__
    msg = f"the Docker engine cannot be reached: {reason}"
    return EngineUnreachable(msg, hint="Is it running, and may this user use it? Try `docker info`.")
