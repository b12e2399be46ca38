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

from deploykit.clock import in_utc
from deploykit.disk import mend, open_private, replace_file
from deploykit.errors import ConfigError, Locked
from deploykit.interrupt import Interruption
from deploykit.processes import boot, start_time
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
        with self._opened(os.O_RDWR | os.O_CREAT) as descriptor:
            self._take(descriptor, wait, interruption)
            with self._usable():
                self._abort_path.unlink(missing_ok=True)  # meant for a holder before
                _write_holder(descriptor, doing, self.clock.time())
            yield HeldFileLock(descriptor, self._abort_path)

    def holder(self) -> Holder | None:
        held, named = self._look()
        if not held:
            return None
        return named[0] if named else Holder(0, "unknown", 0.0, "deploy")

    def request_abort(self) -> bool:
        """Ask the holder to stop. False when nobody that lives holds the lock."""
        _, named = self._look()
        if named is None or not _lives(*named):
            return False
        with self._usable():
            replace_file(self._abort_path, f"{named[0].pid} {named[1]}".encode())
        return True

    @property
    def _abort_path(self) -> Path:
        return self.path.with_name("abort")

    def _look(self) -> tuple[bool, tuple[Holder, str | None] | None]:
        """Tell whether it is held, and who has named himself as its holder."""
        with self._usable():  # a folder that is closed to us does not even tell whether it is there
            there = self.path.exists()
        if not there:
            return False, None
        with self._opened(os.O_RDONLY) as descriptor:
            return (False, None) if _try(descriptor, fcntl.LOCK_SH) else (True, _read_holder(descriptor))

    @contextmanager
    def _opened(self, flags: int) -> Iterator[int]:
        with self._usable():
            descriptor = open_private(self.path, flags)
        try:
            yield descriptor
        finally:
            # Children that inherited it may hold it on; only closing, never LOCK_UN, leaves it to them.
            os.close(descriptor)

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            msg = f"the lock {self.path} cannot be used: {error.strerror}"
            raise ConfigError(msg, hint=mend(self.path)) from error

    def _take(self, descriptor: int, wait: float, interruption: Interruption) -> None:
        began = self.clock.now()
        while not _try(descriptor, fcntl.LOCK_EX):
            interruption.check()
            named = _read_holder(descriptor)
            lives = named is not None and _lives(*named)  # one without a name is about to write it
            if self.clock.now() - began >= max(wait, _GLANCE if lives else DEAD_HOLDER_WAIT):
                raise _locked(named[0] if named else None, dead=not lives)
            self.clock.sleep(_POLL)


@dataclass(frozen=True, slots=True)
class HeldFileLock:
    """The lock while it is held."""

    descriptor: int
    abort_path: Path

    @property
    def inherit(self) -> tuple[int, ...]:
        return (self.descriptor,)

    def check(self) -> None:
        """Return: while this process lives, the kernel takes the lock from nobody."""

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


def myself(doing: str, since: float) -> Holder:
    """Return this process as the holder of a lock."""
    return Holder(os.getpid(), whoami(), since, doing)


def place_of(lock: Path | int) -> str | None:
    """Return a name that no other lock's file has, on any machine, until it is gone; None where there is none."""
    try:
        there = os.stat(lock)  # noqa: PTH116 - of a descriptor too
        return f"{boot()}:{there.st_dev}:{there.st_ino}"
    except OSError:
        return None


def _try(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_holder(descriptor: int, doing: str, since: float) -> None:
    holder = myself(doing, since)
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
    return locked_by(holder)


def locked_by(
    holder: Holder, *, hint: str = "Wait for it with --lock-wait SECONDS, or stop it with `deploykit abort`."
) -> Locked:
    """Return the error for a lock whose holder lives."""
    since = in_utc(holder.since)
    msg = f"another deployment holds the lock: pid {holder.pid}, {holder.by}, since {since} ({holder.doing})"
    return Locked(msg, hint=hint)
