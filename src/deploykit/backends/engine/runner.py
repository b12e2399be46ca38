"""The one door to other programs: a limit of time, an environment of its own, and no child left behind."""

import ctypes
import errno
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from deploykit.errors import EngineUnreachable, Interrupted
from deploykit.protocols import Control

_POLL = 0.1
_GRACE = 2.0
_STARVED = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE}
"""What passes when others need less: then the engine counts as away, and is waited for where that helps."""
_LINE_END = re.compile(rb"\n")
_STEERING = re.compile(rb"[\r\n]|\x1b\[[0-9;?]*[A-Za-z]")
"""What ends a piece of text on a terminal."""
_PR_SET_PDEATHSIG = 1
# Bound now: between fork and exec nothing may be looked up.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run. `timeout` is in seconds; `environment` is all that it gets.

    It is run in `folder`, here when none is said.

    `changes`: it changes what serves: it is never cut for an interrupt, survives deploykit, and inherits the lock.
    Any other command can be cut, and dies with deploykit.

    `terminal`: its output goes to a terminal of its own, for which some commands tell more.

    Of each stream the last `kept` bytes are kept.
    """

    argv: tuple[str, ...]
    timeout: float
    environment: Mapping[str, str] = field(repr=False)
    input: bytes | None = field(default=None, repr=False)
    changes: bool = False
    folder: Path | None = None
    terminal: bool = False
    kept: int = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Completed:
    """What came of it."""

    code: int
    output: bytes
    errors: bytes

    @property
    def text(self) -> str:
        return self.output.decode(errors="replace")


class TimedOut(Exception):
    """The command did not end in its time, and was ended."""


def run(command: Command, control: Control | None = None) -> Completed:
    """Run a command to its end; every line that it writes goes to `control.progress`.

    Raises:
        TimedOut: it was ended, with its children, after `timeout`.
        Interrupted: it was ended because the deployment was told to stop.
        EngineUnreachable: there is no such program.
    """
    control = control or Control()
    with spawned(command, control) as child:
        try:
            return _Reader(child, command, control).read()
        except BaseException:
            end(child)
            raise


@contextmanager
def spawned(command: Command, control: Control) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command, and see to it that it is gone in the end, unless it changes what serves."""
    with ExitStack() as stack:
        ends = _terminal() if command.terminal else None
        ours = stack.enter_context(os.fdopen(ends[0], "rb", buffering=0)) if ends else None
        try:
            child = _started(command, control, ends[1] if ends else subprocess.PIPE)
        finally:
            if ends:
                os.close(ends[1])
        child.stdout = ours or child.stdout
        stack.enter_context(child)
        try:
            yield child
        finally:
            if child.poll() is None:
                end(child)


def _terminal() -> tuple[int, int] | None:
    """Return both ends of a new terminal; None where there is none to be had: a pipe will do."""
    try:
        return os.openpty()
    except OSError:
        return None


def _started(command: Command, control: Control, stdout: int) -> subprocess.Popen[bytes]:
    if command.changes:
        control.guard()
    try:
        return subprocess.Popen(
            command.argv,
            stdin=subprocess.DEVNULL if command.input is None else subprocess.PIPE,
            stdout=stdout,
            stderr=subprocess.PIPE,
            env=dict(command.environment),
            cwd=command.folder,
            start_new_session=True,
            pass_fds=control.inherit if command.changes else (),
            preexec_fn=None if command.changes else _die_with_parent,
        )
    except FileNotFoundError as error:
        msg = f"there is no program {command.argv[0]!r}"
        raise EngineUnreachable(msg, hint="Install the Docker CLI, or put it on PATH.") from error
    except OSError as error:
        if error.errno not in _STARVED:
            raise
        msg = f"{command.argv[0]!r} cannot be started: {error.strerror}"
        raise EngineUnreachable(msg, hint="This machine lacks memory, processes or open files.") from error


def _die_with_parent() -> None:
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def end(child: subprocess.Popen[bytes]) -> None:
    """End a child that leads its session, with all that is of it."""
    for number, grace in ((signal.SIGTERM, _GRACE), (signal.SIGKILL, None)):
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            break
        try:
            child.wait(grace)
        except subprocess.TimeoutExpired:
            continue
        break
    child.wait()
    with suppress(ProcessLookupError, PermissionError):  # what of its group did not listen
        os.killpg(child.pid, signal.SIGKILL)


class _Reader:
    """Reads both streams while it watches the time and the interruption."""

    def __init__(self, child: subprocess.Popen[bytes], command: Command, control: Control) -> None:
        self._child = child
        self._command = command
        self._control = control
        self._deadline = time.monotonic() + command.timeout
        self._kept: dict[str, bytearray] = {"output": bytearray(), "errors": bytearray()}
        self._lines = {"output": b"", "errors": b""}

    def read(self) -> Completed:
        self._write_input()
        with selectors.DefaultSelector() as selector:
            for name, stream in (("output", self._child.stdout), ("errors", self._child.stderr)):
                assert stream is not None  # noqa: S101 - both are pipes
                selector.register(stream, selectors.EVENT_READ, name)
            while selector.get_map():
                self._check()
                for key, _ in selector.select(_POLL):
                    chunk = _read(key.fd)
                    if not chunk:
                        selector.unregister(key.fileobj)
                    self._keep(key.data, chunk)
        self._wait()
        return Completed(self._child.returncode, bytes(self._kept["output"]), bytes(self._kept["errors"]))

    def _write_input(self) -> None:
        if self._child.stdin is not None and self._command.input is not None:
            # One that ends without reading it says by its code, and its words, why.
            with suppress(BrokenPipeError), self._child.stdin as stream:
                stream.write(self._command.input)

    def _wait(self) -> None:
        while True:
            try:
                self._child.wait(_POLL)
            except subprocess.TimeoutExpired:
                self._check()
            else:
                return

    def _check(self) -> None:
        if not self._command.changes and self._control.interruption.requested:
            raise Interrupted
        if time.monotonic() > self._deadline:
            raise TimedOut

    def _keep(self, name: str, chunk: bytes) -> None:
        kept = self._kept[name]
        kept += chunk
        del kept[: -self._command.kept]
        if not chunk:
            tell_lines([self._lines[name]], self._control.progress)
        ends = _STEERING if self._command.terminal and name == "output" else _LINE_END
        *lines, self._lines[name] = ends.split(self._lines[name] + chunk)
        tell_lines(lines, self._control.progress)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError as error:
        if error.errno != errno.EIO:  # so ends a terminal
            raise
        return b""


def tell_lines(lines: list[bytes], tell: Callable[[str], None]) -> None:
    """Pass lines on that have something in them."""
    for line in lines:
        if text := line.decode(errors="replace").strip():
            tell(text)
