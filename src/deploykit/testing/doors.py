"""The doors to the real world, shut while a fake is in its place."""

import os
import sys
from functools import cache
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NoReturn

_ENGINES = {"docker", "docker-compose", "podman"}
_SOCKETS = ("docker.sock", "podman.sock")
_shut: "list[Doors]" = []


class RealWorldTouched(AssertionError):
    """A real engine, process or network was to be touched by way of deploykit, under a fake."""


class Doors:
    """Shut while entered: starting a program or connecting to anything by way of deploykit, and any touch of Docker."""

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
    elif Path(program := os.fsdecode(args[0])).name in _ENGINES or _is_ours(caller):
        _shut[-1].refuse(f"the program {program}")


def _is_ours(frame: FrameType | None) -> bool:
    """Whether deploykit itself does it, by way of the standard library."""
    while frame and _package(frame) in sys.stdlib_module_names:
        frame = frame.f_back
    return frame is not None and _package(frame) == "deploykit"


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__")).partition(".")[0]
