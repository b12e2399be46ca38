"""What deploykit remembers between runs, in memory: it outlives the deployments that die on it."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

from deploykit.errors import ConfigError, JournalError, Locked, StepFailed
from deploykit.interrupt import Interruption
from deploykit.journal import SqliteJournal, memory_connection
from deploykit.protocols import Clock, Hold, Holder, Identity
from deploykit.record import Move, Record, TagMemory
from deploykit.release import RELEASE_ID, Snapshot
from deploykit.testing.moments import Moments

_POLL = 0.1
_REAL_WAIT = 10.0


class MemoryState:
    """A state store in memory. `disk_full` makes every write to the journal fail."""

    def __init__(self, clock: Clock, moments: Moments | None = None) -> None:
        self.moments: Moments = moments or Moments()
        self.lock: MemoryLock = MemoryLock(clock)
        self.files: MemoryFiles = MemoryFiles(self.moments)
        self.tag_text: MemoryTagText = MemoryTagText(self.moments)
        self.hold: MemoryHold = MemoryHold()
        self.logs: MemoryLogs = MemoryLogs()
        self.disk_full = False
        self.unusable: str | None = None
        self.folder: Path | None = None
        self._connection = memory_connection()

    def __deepcopy__(self, memo: dict[int, object]) -> "MemoryState":
        connection = memory_connection()
        self._connection.backup(connection)
        copied = MemoryState.__new__(MemoryState)
        memo[id(self)] = copied
        rest = {key: value for key, value in vars(self).items() if key != "_connection"}
        vars(copied).update(deepcopy(rest, memo), _connection=connection)
        return copied

    def prepare(self) -> None:
        if self.unusable:
            raise ConfigError(self.unusable)

    def journal(self, identity: Identity) -> "MemoryJournal":
        return MemoryJournal(self, identity)

    def journal_to_read(self, identity: Identity | None) -> "MemoryJournal":
        return MemoryJournal(self, identity or self._last_scope())

    def _last_scope(self) -> Identity:
        query = "SELECT engine, project FROM deployments ORDER BY number DESC LIMIT 1"
        row = self._connection.execute(query).fetchone()
        return Identity(*row) if row else Identity("", "")


class MemoryJournal(SqliteJournal):
    """The real journal, in memory. What a session closes is only its own view: the next one sees the same rows."""

    def __init__(self, state: MemoryState, identity: Identity) -> None:
        super().__init__(state._connection, identity.engine, identity.project)  # noqa: SLF001 - its own state
        self._state = state

    def close(self) -> None:
        """Leave the rows to the next session."""

    def begin(self, record: Record, first: int = 1) -> Record:
        with self._write("begin"):
            return super().begin(record, first)

    def update(self, record: Record, move: Move | None = None) -> None:
        with self._write("update"):
            super().update(record, move)

    def discard(self, record: Record) -> None:
        with self._write("discard"):
            super().discard(record)

    def reserve(self) -> None:
        with self._write("reserve"):
            pass  # memory has no room that could be kept

    def note_tag(self, memory: TagMemory) -> None:
        with self._write("note_tag"):
            super().note_tag(memory)

    def protect(self, release_id: str, *, on: bool) -> None:
        with self._write("protect"):
            super().protect(release_id, on=on)

    @contextmanager
    def _write(self, call: str) -> Iterator[None]:
        with self._state.moments.around(f"journal.{call}"):
            if self._state.disk_full:
                raise JournalError("the journal cannot be written: the disk is full")
            yield


@dataclass(slots=True)
class MemoryLock:
    """The lock. `held_by` is who holds it; set it to have somebody else hold it.

    Another thread of the test is waited for by the real clock: how long it will take, the manual one does not know.
    """

    clock: Clock
    held_by: Holder | None = None
    aborted: bool = False
    _threads: "_Threads" = field(default_factory=lambda: _Threads())

    @contextmanager
    def acquire(self, doing: str, wait: float, interruption: Interruption) -> Iterator["MemoryLock"]:
        if not self._threads.lock.acquire(timeout=_REAL_WAIT if wait else 0):
            raise self._locked()
        try:
            self._await_somebody_else(wait, interruption)
            self.held_by, self.aborted = Holder(os.getpid(), "somebody@here", self.clock.time(), doing), False
            try:
                yield self
            finally:
                self.held_by = None
        finally:
            self._threads.lock.release()

    def _await_somebody_else(self, wait: float, interruption: Interruption) -> None:
        began = self.clock.now()
        while self.held_by:
            interruption.check()
            if self.clock.now() - began >= wait:
                raise self._locked()
            self.clock.sleep(_POLL)

    def _locked(self) -> Locked:
        who = f": pid {self.held_by.pid}, {self.held_by.by}" if self.held_by else ""
        return Locked(f"another deployment holds the lock{who}")

    def holder(self) -> Holder | None:
        return self.held_by

    def request_abort(self) -> bool:
        self.aborted = self.held_by is not None
        return self.aborted

    @property
    def inherit(self) -> tuple[int, ...]:
        return ()

    def check(self) -> None:
        """Return: nobody takes it from its holder."""

    def abort_requested(self) -> bool:
        return self.aborted


class _Threads:
    """A lock between threads; a copy of a world is a world of its own."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def __deepcopy__(self, memo: dict[int, object]) -> "_Threads":
        return _Threads()


@dataclass(slots=True)
class MemoryLogs:
    """The logs of what failed."""

    kept: dict[str, str] = field(default_factory=dict)

    def keep(self, deployment: str, text: str) -> None:
        self.kept[deployment] = text

    def read(self, deployment: str) -> str | None:
        return self.kept.get(deployment)

    def discard(self, deployment: str) -> None:
        self.kept.pop(deployment, None)


@dataclass(slots=True)
class MemoryHold:
    """The hold of an operator."""

    held: Hold | None = None

    def read(self) -> Hold | None:
        return self.held

    def put(self, hold: Hold) -> None:
        self.held = hold

    def lift(self) -> Hold | None:
        held, self.held = self.held, None
        return held


@dataclass(slots=True)
class MemoryFiles:
    """The files of releases."""

    moments: Moments
    kept: dict[str, Snapshot] = field(default_factory=dict)

    def keep(self, release_id: str, snapshot: Snapshot) -> None:
        with self.moments.around("files.keep"):
            self.kept[release_id] = snapshot

    def read(self, release_id: str) -> Snapshot:
        if release_id not in self.kept:
            msg = f"the files of release {release_id} are gone"
            raise StepFailed(msg)
        return self.kept[release_id]

    def discard(self, release_id: str) -> None:
        with self.moments.around("files.discard"):
            self.kept.pop(release_id, None)

    def highest(self) -> int:
        return max((int(name.strip("ra")) for name in self.kept if RELEASE_ID.fullmatch(name)), default=0)


@dataclass(slots=True)
class MemoryTagText:
    """The text of the tag file. Set `text` to write it by hand."""

    moments: Moments
    text: str | None = None
    name: str = ".previous_image_tag"

    def read(self) -> str | None:
        return (self.text or "").strip() or None

    def write(self, text: str | None) -> None:
        with self.moments.around("tag_file.write"):
            self.text = text
