"""The journal on a shelf: read into memory as a whole, and each write is on the shelf when it returns."""

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from deploykit.errors import ConfigError, DeploykitError, EngineUnreachable, JournalError, LockLost
from deploykit.journal import Row, SqliteJournal, dump_record, load_record, memory_connection
from deploykit.protocols import Clock, Entry, Identity, Journal, Shelf
from deploykit.record import Move, Record, TagMemory
from deploykit.release import RELEASE_ID, Release
from deploykit.shared.packing import pack, unpack
from deploykit.states import State, Trigger

PATIENCE = 60.0
"""Seconds that an engine which does not answer is waited for with a write: as long as with any other step."""
_POLL = 0.5
_HINT = "Is the engine alive? `deploykit recover` goes on when it is."
KEPT = 500
"""Deployments that are kept; of older ones only what the newest good releases need."""
GOOD = 10
"""Good releases that stay at hand, however many deployments came to nothing since."""
MARKS = "marks.marks"


class SharedJournal(SqliteJournal):
    """The rows of every machine, for one project on one engine. A row is an entry; so are all marks together.

    The tag file is of this machine, and so are its `notes`. `check` raises LockLost when it is not ours to write.
    """

    def __init__(
        self, shelf: Shelf, notes: Journal, identity: Identity | None, clock: Clock, check: Callable[[], None]
    ) -> None:
        entries = {int(name): entry for name, entry in shelf.read("row").items() if name.isdecimal()}
        rows = {number: unpack(entry, _row) for number, entry in sorted(entries.items())}
        found = [row for row in rows.values() if row]
        scope = (identity.engine, identity.project) if identity else _newest(found)
        super().__init__(memory_connection(), *scope)
        self._shelf = shelf
        self._notes = notes
        self._clock = clock
        self._check = check
        self._entries = entries
        self._discarded = {number for number, row in rows.items() if row is None}
        self._marks = shelf.get(MARKS)
        self.copy(found)
        for release in self._all_marks().get(_scope(self), ()):
            super().protect(release, on=True)

    def close(self) -> None:
        self._notes.close()
        super().close()

    def begin(self, record: Record, first: int = 1) -> Record:
        begun = super().begin(record, max(first, 1 + max(self._entries, default=0)))
        self._write(begun)
        with suppress(DeploykitError):  # it is done again with the next one
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
        self._marks = self._written(MARKS, self._all_marks() | marks_said(self), self._marks)

    def _all_marks(self) -> dict[str, list[str]]:
        """Return the marks of every project."""
        return unpack(self._marks, dict[str, list[str]]) if self._marks else {}

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
        """Remove what is too old to matter: of this project, for no other knows what its rows are needed for."""
        records = list(self.records())
        needed = {number_of(one) for one in self.protected()} | _needed(records)
        old = {one.number for one in records[KEPT:]} - needed
        if old:
            self._forget_files(old, [one for one in records if one.number not in old])
        for number in self._discarded | old:
            self._shelf.remove(self._entries[number])
            del self._entries[number]
        self._discarded = set()
        for record in records:
            if record.number in old:
                super().discard(record)

    def _forget_files(self, old: set[int], staying: Sequence[Record]) -> None:
        """Remove what old deployments left, before their rows: without these nothing would ever find it."""
        known = {release.id for one in staying for release in _releases(one)}
        for kind in ("files", "log"):
            for name, entry in self._shelf.read(kind).items():
                if RELEASE_ID.fullmatch(name) and number_of(name) in old and name not in known:
                    self._shelf.remove(entry)


def number_of(release_id: str) -> int:
    """Return the number of the deployment that a release is called after."""
    return int(release_id.strip("ra"))


def _releases(record: Record) -> list[Release]:
    return [one for one in (record.candidate, record.current, record.restore) if one]


def _needed(records: Iterable[Record]) -> set[int]:
    """Return the deployments that tell of the newest good releases; `records` come newest first."""
    found: dict[str, int] = {}
    for record in records:
        if record.good and record.candidate and len(found) < GOOD:
            found.setdefault(record.candidate.id, record.number)
    return {*found.values(), *map(number_of, found)}


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


def _newest(rows: Sequence[Row]) -> tuple[str, str]:
    """Return engine and project of the newest deployment."""
    return (rows[-1][0].engine, rows[-1][0].project) if rows else ("", "")


def _row(said: Any) -> Row | None:
    """Return a row as it was said; None for one that was taken back."""
    return said and (load_record(json.dumps(said["record"])), [_move(*one) for one in said["moves"]])


def _move(at: float, source: str, trigger: str, target: str) -> Move:
    return Move(at, State[source], Trigger[trigger], State[target])
