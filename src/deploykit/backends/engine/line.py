"""One connection to an engine: over its own socket, or through docker's CLI, which knows the way.

`docker system dial-stdio` lends its input and output as a connection to whatever engine `docker` would talk to: by ssh,
by TLS, by a context. A local socket is used where the CLI would use that very one.
"""

import json
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import finalize

from deploykit.backends.engine.exchange import Answer, read_answer
from deploykit.backends.engine.runner import end
from deploykit.protocols import Program

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

DEFAULT_SOCKET = "unix:///var/run/docker.sock"
DIAL = ("system", "dial-stdio")
"""What the CLI itself runs at the other end of an `ssh://` host; it is there since 18.09, and not in its help."""
_SCHEME = "unix://"
# They change how the engine is spoken to, or which one it is, in ways that are the CLI's own.
_ONLY_THE_CLI = ("DOCKER_API_VERSION", "DOCKER_TLS", "DOCKER_TLS_VERIFY")
_CHUNK = 256 * 1024
_SAID = 4096
_END = 2.0
"""Seconds for docker's CLI to end when nobody is left who asks."""


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


class Line:
    """A connection that is open; `child` is the program whose input and output it is."""

    def __init__(self, ours: socket.socket, child: "subprocess.Popen[bytes] | None" = None) -> None:
        self.used_at: float = time.monotonic()
        self._ours = ours
        self._child = child
        self._coming = _Coming(ours)
        self._stream = BufferedReader(self._coming, _CHUNK)
        self._left_behind = finalize(self, _hang_up, ours, child, _END)

    def exchange(self, asked: bytes, deadline: float) -> Answer:
        """Return the whole answer to a request; raises OSError, ValueError, and TimeoutError after the deadline."""
        self._coming.deadline = deadline
        self._ours.settimeout(_left(deadline))
        self._ours.sendall(asked)
        answer = read_answer(self._stream)
        self.used_at = time.monotonic()
        return answer

    def hang_up(self, *, patiently: bool = True) -> str:
        """End it, and return what the program had to say, which is waited for unless it hangs."""
        self._left_behind.detach()
        return _hang_up(self._ours, self._child, _END if patiently else 0).decode(errors="replace")


Opening = Callable[[float], Line]
"""Opens a connection before a deadline; raises OSError, TimeoutError."""


def at_socket(path: str) -> Opening:
    """Return what opens connections to a socket of this machine."""

    def opened(deadline: float) -> Line:
        with ExitStack() as failing:
            ours = failing.enter_context(socket.socket(socket.AF_UNIX))
            ours.settimeout(_left(deadline))
            ours.connect(path)
            failing.pop_all()
        return Line(ours)

    return opened


def through(program: Program) -> Opening:
    """Return what opens connections that are the input and output of a program."""

    def opened(_: float) -> Line:
        ours, theirs = socket.socketpair()
        with ExitStack() as failing, theirs:
            failing.enter_context(ours)
            child = subprocess.Popen(
                program.argv,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.PIPE,
                env=dict(program.environment),
                start_new_session=True,  # it ends with the connection, not by a Ctrl-C
            )
            failing.pop_all()
        return Line(ours, child)

    return opened


class _Coming(RawIOBase):
    """What comes on a socket before a deadline, which is that of the whole answer, not of each piece."""

    def __init__(self, ours: socket.socket) -> None:
        self.deadline = 0.0
        self._ours = ours

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        self._ours.settimeout(_left(self.deadline))
        return self._ours.recv_into(buffer)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        msg = "timed out"
        raise TimeoutError(msg)
    return left


def _hang_up(ours: socket.socket, child: "subprocess.Popen[bytes] | None", patience: float) -> bytes:
    ours.close()
    if child is None:
        return b""
    try:
        _, said = child.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        end(child)
        _, said = child.communicate()
    return said[-_SAID:]
