"""The journal on a shelf: read into memory as a whole, and each write is on the shelf when it returns."""

import json
from collections.abc import Callable, Iterator

from deploykit.errors import ConfigError, EngineUnreachable, JournalError, LockLost
from deploykit.journal import Row, SqliteJournal, dump_record, load_record, memory_connection
from deploykit.protocols import Clock, Entry, Identity, Journal, Shelf
from deploykit.record import Move, Record, TagMemory
from deploykit.shared.packing import pack, unpack
from deploykit.states import State, Trigger

PATIENCE = 60.0
"""Seconds that an engine which does not answer is waited for with a write: as long as with any other step."""
_POLL = 0.5
_HINT = "Is the engine alive? `deploykit recover` goes on when it is."
KEPT = 500
"""Deployments that are kept; of older ones nothing is at hand any more."""


class SharedJournal(SqliteJournal):
    """The rows of every machine, for one project on one engine. A row is an entry; so are all marks together.

    The tag file is of this machine, and so are its `notes`. `check` raises LockLost when it is not ours to write.
    """

    def __init__(
        self, shelf: Shelf, notes: Journal, identity: Identity, clock: Clock, check: Callable[[], None]
    ) -> None:
        super().__init__(memory_connection(), identity.engine, identity.project)
        self._shelf = shelf
        self._notes = notes
        self._clock = clock
        self._check = check
        self._entries: dict[int, Entry] = {int(name): entry for name, entry in shelf.read("row").items()}
        self._discarded = [number for number, entry in self._entries.items() if unpack(entry) is None]
        self._marks = shelf.read("marks").get("marks")
        self._load()

    def close(self) -> None:
        self._notes.close()
        super().close()

    def begin(self, record: Record, first: int = 1) -> Record:
        begun = super().begin(record, max(first, 1 + max(self._entries, default=0)))
        self._write(begun)
        self._forget()
        return begun

    def update(self, record: Record, move: Move | None = None) -> None:
        super().update(record, move)
        self._write(record)

    def discard(self, record: Record) -> None:
        super().discard(record)
        self._put(record.number, None)  # the number stays taken

    def reserve(self) -> None:
        """Do nothing: an engine keeps no room."""

    def tag_notes(self) -> TagMemory:
        return self._notes.tag_notes()

    def note_tag(self, memory: TagMemory) -> None:
        self._notes.note_tag(memory)

    def protect(self, release_id: str, *, on: bool) -> None:
        super().protect(release_id, on=on)
        marks: dict[str, list[str]] = unpack(self._marks) if self._marks else {}
        self._marks = self._written("marks.marks", marks | marks_said(self), self._marks)

    def _load(self) -> None:
        rows = {number: unpack(entry) for number, entry in self._entries.items()}
        self.copy(_row(rows[number]) for number in sorted(rows) if rows[number] is not None)
        marks = unpack(self._marks) if self._marks else {}
        for release in marks.get(_scope(self), ()):
            super().protect(release, on=True)

    def _write(self, record: Record) -> None:
        self._put(record.number, row_said((record, self.moves(record))))

    def _put(self, number: int, said: object) -> None:
        self._entries[number] = self._written(f"row.{number}", said, self._entries.get(number))

    def _written(self, key: str, said: object, before: Entry | None) -> Entry:
        entry = self._put_patiently(key, pack(said), before)
        if entry is None:
            msg = f"{key} was written by another machine: the lock was taken over"
            raise LockLost(msg, hint="What was begun is finished there: `deploykit status` tells.")
        return entry

    def _put_patiently(self, key: str, content: bytes, before: Entry | None) -> Entry | None:
        deadline = self._clock.now() + PATIENCE
        while True:
            try:
                self._check()
                return self._shelf.put(key, content, before)
            except EngineUnreachable as error:
                if self._clock.now() >= deadline:
                    raise JournalError(f"the journal cannot be written: {error}", hint=_HINT) from error
                self._clock.sleep(_POLL)
            except ConfigError as error:
                raise JournalError(f"the journal cannot be written: {error}", hint=error.hint) from error

    def _forget(self) -> None:
        """Remove what is too old to matter: nothing fails for it."""
        protected = self.protected()
        old = [number for number in sorted(self._entries)[:-KEPT] if f"r{number}" not in protected]
        for number in {*self._discarded, *old}:
            self._shelf.remove(self._entries.pop(number))
        self._discarded = []


def row_said(row: Row) -> dict[str, object]:
    """Return a row as it stands on a shelf."""
    record, moves = row
    return {
        "record": json.loads(dump_record(record)),
        "moves": [[one.at, one.source.name, one.trigger.name, one.target.name] for one in moves],
    }


def marks_said(journal: SqliteJournal) -> dict[str, list[str]]:
    """Return the marks of a journal's project as they stand on a shelf, by project."""
    return {_scope(journal): sorted(journal.protected())}


def _scope(journal: SqliteJournal) -> str:
    return json.dumps([journal.engine, journal.project])


def _row(said: dict[str, object]) -> Row:
    try:
        return load_record(json.dumps(said["record"])), list(_moves(said["moves"]))
    except (LookupError, TypeError, ValueError) as error:
        msg = f"the journal that is kept with the engine cannot be read: {error}"
        raise ConfigError(msg, hint="Remove what is damaged: what serves is adopted by the next run.") from error


def _moves(said: object) -> Iterator[Move]:
    assert isinstance(said, list)  # noqa: S101 - as it was written
    for at, source, trigger, target in said:
        yield Move(at, State[source], Trigger[trigger], State[target])
