"""The lock of a state folder: flock, so the kernel frees it, and no lock ever has to be removed by hand.

Commands that change instances inherit its descriptor. After a SIGKILL of deploykit the lock is held until they end.
"""

import fcntl
import getpass
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from deploykit.errors import Locked
from deploykit.interrupt import Interruption
from deploykit.processes import start_time
from deploykit.protocols import Clock, Holder

DEAD_HOLDER_WAIT = 60.0
"""Seconds for the last command of a holder that died to end."""
_POLL = 0.1
_GLANCE = 0.5
"""Seconds to try in any case: who only looks at the lock has it for an instant too."""


@dataclass(frozen=True, slots=True)
class FileLock:
    """The lock on `path`, which also tells who holds it; `abort` requests are the file beside it."""

    path: Path
    clock: Clock

    @contextmanager
    def acquire(self, doing: str, wait: float, interruption: Interruption) -> Iterator["HeldFileLock"]:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._take(descriptor, wait, interruption)
            self._abort_path.unlink(missing_ok=True)  # meant for a holder before
            held = HeldFileLock(descriptor, self._abort_path)
            _write_holder(descriptor, doing, self.clock.time())
            yield held
        finally:
            # Children that inherited it may hold it on; only closing, never LOCK_UN, leaves it to them.
            os.close(descriptor)

    def holder(self) -> Holder | None:
        try:
            descriptor = os.open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            if _try(descriptor, fcntl.LOCK_SH):
                return None
            named = _read_holder(descriptor)
            return named[0] if named else Holder(0, "unknown", 0.0, "deploy")
        finally:
            os.close(descriptor)

    def request_abort(self) -> bool:
        """Ask the holder to stop. False when nobody that lives holds the lock."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            named = None if _try(descriptor, fcntl.LOCK_SH) else _read_holder(descriptor)
        finally:
            os.close(descriptor)
        if named is None or not _lives(*named):
            return False
        self._abort_path.write_text(f"{named[0].pid} {named[1]}")
        return True

    @property
    def _abort_path(self) -> Path:
        return self.path.with_name("abort")

    def _take(self, descriptor: int, wait: float, interruption: Interruption) -> None:
        began = self.clock.now()
        while not _try(descriptor, fcntl.LOCK_EX):
            interruption.check()
            named = _read_holder(descriptor)
            dead = named is not None and not _lives(*named)
            if self.clock.now() - began >= max(wait, DEAD_HOLDER_WAIT if dead else _GLANCE):
                raise _locked(named[0] if named else None, dead=dead)
            self.clock.sleep(_POLL)


@dataclass(frozen=True, slots=True)
class HeldFileLock:
    """The lock while it is held."""

    descriptor: int
    abort_path: Path

    @property
    def inherit(self) -> tuple[int, ...]:
        return (self.descriptor,)

    def abort_requested(self) -> bool:
        try:
            return self.abort_path.read_text() == f"{os.getpid()} {start_time(os.getpid())}"
        except OSError:
            return False


def whoami() -> str:
    """Return user@host, as the lock names its holder."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def _try(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_holder(descriptor: int, doing: str, since: float) -> None:
    holder = Holder(os.getpid(), whoami(), since, doing)
    text = json.dumps({**asdict(holder), "start_time": start_time(os.getpid())})
    os.pwrite(descriptor, text.encode(), 0)
    os.ftruncate(descriptor, len(text.encode()))


def _read_holder(descriptor: int) -> tuple[Holder, str | None] | None:
    try:
        said = json.loads(os.pread(descriptor, 4096, 0))
        started = said.pop("start_time")
        return Holder(**said), started
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # between taking the lock and naming itself, a holder has not written yet


def _lives(holder: Holder, started: str | None) -> bool:
    return started is not None and start_time(holder.pid) == started


def _locked(holder: Holder | None, *, dead: bool) -> Locked:
    if holder is None:
        return Locked("another deployment holds the lock", hint="Wait for it with --lock-wait SECONDS.")
    if dead:
        msg = f"the last command of a killed deployment (pid {holder.pid}, {holder.by}) still runs"
        return Locked(msg, hint="Wait for it with --lock-wait SECONDS.")
    msg = f"another deployment holds the lock: pid {holder.pid}, {holder.by}, {_since(holder.since)} ({holder.doing})"
    return Locked(msg, hint="Wait for it with --lock-wait SECONDS, or stop it with `deploykit abort`.")


def _since(when: float) -> str:
    from datetime import UTC, datetime

    return "since " + datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
