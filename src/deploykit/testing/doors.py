"""The doors to the real world, shut while a fake is in its place."""

import os
import re
import sys
from functools import cache
from itertools import pairwise
from types import FrameType, TracebackType
from typing import Any, NoReturn

_ENGINES = re.compile(r"(?:^|[;&|(]|-m)\s*(?:[\w./-]*/)?(docker|docker-compose|podman|deploykit)(?:\s|$)")
"""A command line that leads to an engine: another process of deploykit would know of no fake."""
_SOCKETS = ("docker.sock", "podman.sock")
_shut: "list[Doors]" = []


class RealWorldTouched(AssertionError):
    """A real engine, process or network was to be touched by way of deploykit, under a fake."""


class Doors:
    """Shut while entered: a program or a connection by way of deploykit, and any touch of Docker, or of the command."""

    def __init__(self) -> None:
        self.touched: list[str] = []

    def __enter__(self) -> "Doors":
        _listen()
        _shut.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _shut.remove(self)

    def refuse(self, what: str) -> NoReturn:
        """Remember the touch, and raise."""
        self.touched.append(what)
        msg = f"{what}: a fake is in place of the real world, so nothing real may be touched"
        raise RealWorldTouched(msg)


@cache
def _listen() -> None:
    # One that is added can never be taken away again, and is asked at every import and open: so once, and briefly.
    sys.addaudithook(lambda event, args: _audit(event, args) if _shut and event in _WATCHED else None)


_WATCHED = {"subprocess.Popen", "socket.connect", "os.exec", "os.posix_spawn"}


def _audit(event: str, args: tuple[Any, ...]) -> None:
    caller = sys._getframe(2)  # noqa: SLF001 - past the hook
    if event == "socket.connect":
        connection, address = args
        if str(address).endswith(_SOCKETS) or _is_ours(caller):
            connection.close()  # socket.create_connection closes it only for an OSError
            _shut[-1].refuse(f"a connection to {address}")
    elif (reached := _reached(args[0], args[1])) or _is_ours(caller):
        _shut[-1].refuse(f"the program {reached or os.fsdecode(args[0])}")


def _reached(program: Any, argv: Any) -> str | None:
    """Return the engine's program that is called, by itself, by a shell, or as a module of Python."""
    words = [argv] if isinstance(argv, str | bytes | os.PathLike) else list(argv)
    _, *rest = map(os.fsdecode, words)
    flags = {"-c": "{}", "-m": "-m {}"} if os.fsdecode(program).endswith("sh") else {"-m": "-m {}"}
    lines = [os.fsdecode(program), *(flags[flag].format(text) for flag, text in pairwise(rest) if flag in flags)]
    found = next(filter(None, map(_ENGINES.search, lines)), None)
    return found and found.group(1)


def _is_ours(frame: FrameType | None) -> bool:
    """Whether deploykit itself does it, by way of the standard library."""
    while frame and _package(frame) in sys.stdlib_module_names:
        frame = frame.f_back
    return frame is not None and _package(frame) == "deploykit"


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__")).partition(".")[0]
