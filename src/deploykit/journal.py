"""The journal: every deployment and every move of it, in SQLite, through to the disk before the next step runs."""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploykit.disk import mend, open_private
from deploykit.errors import ConfigError, JournalError
from deploykit.record import Move, Record, TagMemory
from deploykit.states import TERMINAL, State, Trigger

if TYPE_CHECKING:
    from pydantic import TypeAdapter

VERSION = 1
# Added to what older versions wrote, which they do not look at: no version of its own.
_PROTECTED = """CREATE TABLE IF NOT EXISTS protected (
    engine TEXT NOT NULL, project TEXT NOT NULL, release TEXT NOT NULL, PRIMARY KEY (engine, project, release)
);"""
_SCHEMA = f"""
CREATE TABLE deployments (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    engine TEXT NOT NULL,
    project TEXT NOT NULL,
    state TEXT NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX deployments_state ON deployments (engine, project, state);
CREATE TABLE moves (
    number INTEGER NOT NULL REFERENCES deployments (number) ON DELETE CASCADE,
    at REAL NOT NULL,
    source TEXT NOT NULL,
    trigger TEXT NOT NULL,
    target TEXT NOT NULL
);
CREATE INDEX moves_number ON moves (number);
CREATE TABLE tag_notes (
    engine TEXT NOT NULL, project TEXT NOT NULL, note TEXT, before TEXT, PRIMARY KEY (engine, project)
);
CREATE TABLE reserve (room BLOB);
{_PROTECTED}
PRAGMA user_version = {VERSION};
"""
# A deployment commits some ten rows of a few KiB: the room that they take, with a margin.
_RESERVE = 512 * 1024
_MOVE_AWAY = "If it is damaged, move it away: what serves is read from the runtime, and adopted by the next run."
_TERMINAL = tuple(sorted(state.name for state in TERMINAL))
_OPEN = tuple(state.name for state in State if state not in TERMINAL)
_BEYOND = 1 << 62
"""More than any number of a deployment."""
_PAGE = 32
"""Rows that are read at once where few are enough most of the time."""

Row = tuple[Record, Sequence[Move]]
"""A deployment with its moves."""


class SqliteJournal:
    """The journal of one state folder, for one project on one engine: only their rows count.

    Every writing call is one transaction, on the disk when it returns. Raises JournalError when it cannot be.
    """

    def __init__(self, connection: sqlite3.Connection, engine: str, project: str) -> None:
        self._connection = connection
        self._scope = (engine, project)

    @property
    def engine(self) -> str:
        return self._scope[0]

    @property
    def project(self) -> str:
        return self._scope[1]

    def close(self) -> None:
        self._connection.close()

    def begin(self, record: Record, first: int = 1) -> Record:
        with _transaction(self._connection) as write:
            (last,) = write.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence").fetchone()
            numbered = replace(record, number=max(last + 1, first), engine=self.engine, project=self.project)
            row = (numbered.number, *self._scope, numbered.state.name, dump_record(numbered))
            write.execute("INSERT INTO deployments VALUES (?, ?, ?, ?, ?)", row)
        return numbered

    def update(self, record: Record, move: Move | None = None) -> None:
        with _transaction(self._connection) as write:
            row = (record.state.name, dump_record(record), record.number)
            write.execute("UPDATE deployments SET state = ?, record = ? WHERE number = ?", row)
            if move:
                write.execute("INSERT INTO moves VALUES (?, ?, ?, ?, ?)", _move(record, move))

    def discard(self, record: Record) -> None:
        with _transaction(self._connection) as write:
            write.execute("DELETE FROM deployments WHERE number = ?", (record.number,))

    def reserve(self) -> None:
        with _transaction(self._connection) as write:
            write.execute("INSERT INTO reserve VALUES (zeroblob(?))", (_RESERVE,))
        with _transaction(self._connection) as write:
            write.execute("DELETE FROM reserve")
        # Starts the write-ahead log anew in the space that it has just been given.
        self._connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()

    def unfinished(self) -> Record | None:
        return next(self._select(f"state IN {_OPEN} ORDER BY number DESC LIMIT 1"), None)

    def last(self) -> Record | None:
        return next(self._newest_first("TRUE", 1), None)

    def get(self, number: int) -> Record | None:
        return next(self._select("number = ?", number), None)

    def ended(self) -> "Ended":
        oldest_first = self._select(f"state IN {_TERMINAL} ORDER BY number")
        return Ended(oldest_first, lambda: self._newest_first(f"state IN {_TERMINAL}"))

    def records(self) -> Iterator[Record]:
        return self._newest_first("TRUE")

    def moves(self, record: Record) -> Sequence[Move]:
        query = "SELECT at, source, trigger, target FROM moves WHERE number = ? ORDER BY rowid"
        rows = _rows(self._connection, query, record.number)
        return [Move(at, State(source), Trigger(trigger), State(target)) for at, source, trigger, target in rows]

    def tag_notes(self) -> TagMemory:
        query = "SELECT note, before FROM tag_notes WHERE engine = ? AND project = ?"
        row = next(_rows(self._connection, query, *self._scope), None)
        return TagMemory(None, *row) if row else TagMemory()

    def note_tag(self, memory: TagMemory) -> None:
        with _transaction(self._connection) as write:
            row = (*self._scope, memory.note, memory.before)
            write.execute("INSERT OR REPLACE INTO tag_notes VALUES (?, ?, ?, ?)", row)

    def copy(self, rows: Iterable[Row]) -> None:
        """Take over rows that another journal has given out, whatever their engine and project, with their numbers."""
        with _transaction(self._connection) as write:
            for record, moves in rows:
                scope = (record.engine, record.project)
                row = (record.number, *scope, record.state.name, dump_record(record))
                write.execute("INSERT INTO deployments VALUES (?, ?, ?, ?, ?)", row)
                write.executemany("INSERT INTO moves VALUES (?, ?, ?, ?, ?)", [_move(record, one) for one in moves])

    def protected(self) -> frozenset[str]:
        there = "SELECT 1 FROM sqlite_master WHERE name = 'protected'"
        if not any(_rows(self._connection, there)):
            return frozenset()  # an older version's, opened for reading alone
        query = "SELECT release FROM protected WHERE engine = ? AND project = ?"
        return frozenset(release for (release,) in _rows(self._connection, query, *self._scope))

    def protect(self, release_id: str, *, on: bool) -> None:
        insert = "INSERT OR IGNORE INTO protected VALUES (?, ?, ?)"
        delete = "DELETE FROM protected WHERE engine = ? AND project = ? AND release = ?"
        with _transaction(self._connection) as write:
            write.execute(insert if on else delete, (*self._scope, release_id))

    def _select(self, where: str, *values: object) -> Iterator[Record]:
        query = f"SELECT record FROM deployments WHERE engine = ? AND project = ? AND {where}"  # noqa: S608 - ours
        for (text,) in _rows(self._connection, query, *self._scope, *values):
            yield load_record(text)

    def _newest_first(self, where: str, page: int = _PAGE) -> Iterator[Record]:
        """Yield page by page, so that no reader is left open over the writing that goes on meanwhile."""
        # By the rows' own order: by an index, all of them would be sorted before the first one came.
        query = (
            "SELECT number, record FROM deployments NOT INDEXED"  # noqa: S608 - ours
            f" WHERE number < ? AND engine = ? AND project = ? AND {where} ORDER BY number DESC LIMIT {page}"
        )
        before = _BEYOND
        while found := list(_rows(self._connection, query, before, *self._scope)):
            yield from (load_record(text) for _, text in found)
            before = found[-1][0]


class Ended:
    """Deployments that have ended, oldest first; reversed, they are read as far as they are looked at."""

    def __init__(self, oldest_first: Iterator[Record], newest_first: Callable[[], Iterator[Record]]) -> None:
        self._oldest_first = oldest_first
        self._newest_first = newest_first

    def __iter__(self) -> "Ended":
        return self

    def __next__(self) -> Record:
        return next(self._oldest_first)

    def __reversed__(self) -> Iterator[Record]:
        return self._newest_first()


def _rows(connection: sqlite3.Connection, query: str, *values: object) -> Iterator[Any]:
    try:
        yield from connection.execute(query, values)
    except sqlite3.Error as error:
        msg = f"the journal cannot be read: {error}"
        raise ConfigError(msg, hint=_MOVE_AWAY) from error


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    try:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
    except sqlite3.Error as error:
        msg = f"the journal cannot be written: {error}"
        raise JournalError(msg) from error


@cache
def _records() -> "TypeAdapter[Record]":
    # Imported late: `--help` does not pay for it.
    from pydantic import TypeAdapter

    return TypeAdapter(Record)


def dump_record(record: Record) -> str:
    """Return a deployment as its JSON."""
    return _records().dump_json(record).decode()


def load_record(text: str | bytes) -> Record:
    """Return a deployment of its JSON; raises ValueError."""
    return _records().validate_json(text)


def _move(record: Record, move: Move) -> tuple[object, ...]:
    return (record.number, move.at, move.source.name, move.trigger.name, move.target.name)


def open_journal(path: Path, engine: str, project: str) -> SqliteJournal:
    """Open the journal for writing; make it if it is not there.

    Raises:
        ConfigError: it cannot be opened, is damaged, or was written by a newer deploykit.
    """
    try:
        os.close(open_private(path, os.O_RDWR | os.O_CREAT))
        connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
        with _closed_unless(connection):
            for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                connection.execute(f"PRAGMA {setting}").fetchall()
            if _version(connection, path) == 0:
                connection.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}COMMIT;")
            else:
                connection.execute(_PROTECTED)
    except (OSError, sqlite3.Error) as error:
        raise _unusable(path, error) from error
    return SqliteJournal(connection, engine, project)


def read_journal(path: Path, engine: str, project: str) -> SqliteJournal:
    """Open the journal for reading alone. None there yet reads as an empty one.

    Raises:
        ConfigError: as open_journal.
    """
    if not path.exists():
        return memory_journal(engine, project)
    try:
        # Where nothing can be written, SQLite cannot make its shared index, and needs none when there is no log.
        still = not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists()
        how = "immutable=1" if still else "mode=ro"
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=10, check_same_thread=False)
        with _closed_unless(connection):
            made = _version(connection, path) != 0
    except sqlite3.Error as error:
        raise _unusable(path, error) from error
    if made:
        return SqliteJournal(connection, engine, project)
    connection.close()
    return memory_journal(engine, project)


@contextmanager
def _closed_unless(connection: sqlite3.Connection) -> Iterator[None]:
    """Close it, unless all goes well."""
    try:
        yield
    except BaseException:
        connection.close()
        raise


def memory_journal(engine: str, project: str) -> SqliteJournal:
    """Return a journal that nobody else sees: for reading one that is not there yet."""
    return SqliteJournal(memory_connection(), engine, project)


class _Memory(sqlite3.Connection):
    """One that there is nothing to lose with: from Python 3.13 on it would be warned of when nobody has closed it."""

    def __del__(self) -> None:
        self.close()


def memory_connection() -> sqlite3.Connection:
    """Return an empty journal that lives as long as its connection."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False, factory=_Memory)
    connection.executescript(_SCHEMA)
    return connection


def last_scope(path: Path) -> tuple[str, str] | None:
    """Return the engine and the project of the newest deployment, for looking without asking an engine."""
    if not path.exists():
        return None
    journal = read_journal(path, "", "")
    try:
        query = "SELECT engine, project FROM deployments ORDER BY number DESC LIMIT 1"
        return next(_rows(journal._connection, query), None)  # noqa: SLF001 - same module
    finally:
        journal.close()


def _version(connection: sqlite3.Connection, path: Path) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        msg = f"the journal {path} was written by a newer deploykit (version {version}; this one knows {VERSION})"
        raise ConfigError(msg, hint="Deploy with the newer deploykit.")
    return int(version)


def _unusable(path: Path, error: Exception) -> ConfigError:
    msg = f"the journal {path} cannot be used: {error}"
    if not os.access(path, os.R_OK | os.W_OK):
        return ConfigError(msg, hint=mend(path))
    if "unable to open" in str(error):
        return ConfigError(msg, hint="Is there room on the disk, and may it have more open files (`ulimit -n`)?")
    return ConfigError(msg, hint=_MOVE_AWAY)
