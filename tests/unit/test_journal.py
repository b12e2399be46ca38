"""The journal: what was written is there after a crash, rows of others do not count, and looking changes nothing."""

import itertools
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploykit.errors import ConfigError, JournalError, Outcome
from deploykit.interrupt import Cause
from deploykit.journal import SqliteJournal, last_scope, memory_journal, open_journal, read_journal
from deploykit.record import Failure, Kind, Move, Options, Record, TagMemory
from deploykit.release import ImageRef, Release
from deploykit.states import State, Trigger
from tests.unit.made import image, release, row

SAVE = Move(5.0, State.pending, Trigger.save, State.saved)
PULL = Move(6.5, State.saved, Trigger.pull, State.pulling)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    opened = open_journal(path, "engine", "project")
    yield opened
    opened.close()


def pending(**fields: object) -> Record:
    return row(0, Kind.deploy, State.pending, **fields)


def test_a_deployment_gets_the_next_number_and_the_journals_scope(journal: SqliteJournal) -> None:
    """Numbers count up from 1; engine and project are those of the journal."""
    first, second = journal.begin(pending()), journal.begin(replace(pending(), engine="x", project="y"))
    assert [first.id, second.id] == ["r1", "r2"]
    assert (second.engine, second.project) == ("engine", "project")
    assert journal.get(2) == second


def test_the_end_of_a_long_journal_is_read_without_the_rest(journal: SqliteJournal) -> None:
    """From the newest on, in pages; what was written before costs nothing."""
    for _ in range(100):
        begun = journal.begin(pending())
        journal.update(replace(begun, state=State.healthy))
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    journal._connection.set_progress_handler(count, 1)
    assert (journal.unfinished(), journal.last()) == (None, journal.get(100))
    few = steps
    assert [one.number for one in itertools.islice(reversed(journal.ended()), 2)] == [100, 99]
    assert few < 150
    assert steps - few < 32 * 25
    assert [one.number for one in reversed(journal.ended())] == [*range(100, 0, -1)]
    assert [one.number for one in journal.records()] == [*range(100, 0, -1)]


def test_writing_goes_on_beside_a_reader_that_has_not_come_to_its_end(journal: SqliteJournal) -> None:
    """It keeps no page of the log from being used anew."""
    for _ in range(3):
        journal.update(replace(journal.begin(pending()), state=State.healthy))
    reading = reversed(journal.ended())
    assert next(reading).number == 3
    journal.reserve()
    assert journal._connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()[0] == 0
    journal.update(replace(journal.begin(pending()), state=State.healthy))
    assert [one.number for one in reading] == [2, 1]


def test_a_number_is_never_given_twice(journal: SqliteJournal) -> None:
    """Neither that of a deployment that was taken out again, nor one below what the caller knows of."""
    journal.begin(pending())
    journal.discard(journal.begin(pending()))
    assert journal.get(2) is None
    assert journal.begin(pending()).number == 3
    assert journal.begin(pending(), first=10).number == 10
    assert journal.begin(pending(), first=4).number == 11


def test_a_number_is_not_given_twice_to_two_apps_of_one_folder(path: Path, journal: SqliteJournal) -> None:
    """Releases of all projects lie in one folder, by number."""
    other = open_journal(path, "engine", "other")
    assert [journal.begin(pending()).number, other.begin(pending()).number] == [1, 2]
    other.close()


def test_what_was_written_is_there_for_the_next_process(path: Path, journal: SqliteJournal) -> None:
    """A record and its moves are read back as they were, by another connection, without closing this one."""
    record = journal.begin(pending())
    saved = replace(record, state=State.saved, restore=release("one"))
    journal.update(saved, SAVE)
    pulling = replace(saved, state=State.pulling)
    journal.update(pulling, PULL)
    other = open_journal(path, "engine", "project")
    assert other.unfinished() == pulling
    assert other.moves(pulling) == [SAVE, PULL]
    other.close()


def test_every_write_waits_for_the_disk(journal: SqliteJournal) -> None:
    """synchronous is FULL, and the write-ahead log is on: what a move says is true after a power cut."""
    assert journal._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert journal._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_an_update_without_a_move_leaves_the_moves(journal: SqliteJournal) -> None:
    """What a deployment has come to can be written by itself."""
    record = journal.begin(pending())
    journal.update(record, SAVE)
    journal.update(replace(record, adopted=True))
    assert journal.moves(record) == [SAVE]
    assert journal.get(1) == replace(record, adopted=True)


def test_a_record_and_its_move_are_written_as_one(path: Path, journal: SqliteJournal) -> None:
    """When the move cannot be written, the record is as it was."""
    record = journal.begin(pending())
    with sqlite3.connect(path) as other:
        other.execute("DROP TABLE moves")
    other.close()
    with pytest.raises(JournalError, match="cannot be written: no such table: moves"):
        journal.update(replace(record, state=State.saved), SAVE)
    assert journal.get(1) == record


def test_a_deployment_is_taken_out_with_its_moves(journal: SqliteJournal) -> None:
    """Nothing is left of one that was refused."""
    record = journal.begin(pending())
    journal.update(record, SAVE)
    journal.discard(record)
    assert (journal.last(), journal.unfinished(), journal.moves(record)) == (None, None, [])


def test_deployments_come_in_their_order(journal: SqliteJournal) -> None:
    """`records` newest first; `ended` oldest first, and only those that are over."""
    states = (State.healthy, State.rolled_back, State.checking, State.failed)
    for state in states:
        journal.begin(row(state=state))
    assert [record.number for record in journal.records()] == [4, 3, 2, 1]
    assert [record.number for record in journal.ended()] == [1, 2, 4]
    last, unfinished = journal.last(), journal.unfinished()
    assert last
    assert unfinished
    assert (last.number, unfinished.number) == (4, 3)


@pytest.mark.parametrize("state", [state for state in State if state.name not in {"healthy", "rolled_back", "failed"}])
def test_what_has_not_ended_is_unfinished(journal: SqliteJournal, state: State) -> None:
    """Whatever state it was left in."""
    assert journal.unfinished() is None
    assert journal.begin(row(state=state)) == journal.unfinished()
    assert list(journal.ended()) == []


@pytest.mark.parametrize("scope", [("other", "project"), ("engine", "other")])
def test_deployments_of_others_do_not_count(path: Path, journal: SqliteJournal, scope: tuple[str, str]) -> None:
    """Another engine's, or another project's, are not seen by any question."""
    journal.begin(pending())
    journal.begin(row(state=State.healthy))
    journal.note_tag(TagMemory(note="one"))
    other = open_journal(path, *scope)
    assert (other.last(), other.unfinished(), other.get(1)) == (None, None, None)
    assert (list(other.records()), list(other.ended()), other.tag_notes()) == ([], [], TagMemory())
    other.close()


def test_the_tag_notes_are_kept_and_replaced(path: Path, journal: SqliteJournal) -> None:
    """Note and note before are what was noted last; the content is not kept."""
    assert journal.tag_notes() == TagMemory()
    journal.note_tag(TagMemory("content", "two", "one"))
    journal.note_tag(TagMemory("content", "three", None))
    again = read_journal(path, "engine", "project")
    assert again.tag_notes() == TagMemory(None, "three", None)
    again.close()


def test_room_is_made_for_a_whole_deployment(path: Path, journal: SqliteJournal) -> None:
    """After reserve a deployment's writes take no more room on the disk than there is."""

    def size() -> int:
        return sum(file.stat().st_size for file in path.parent.iterdir())

    record = journal.begin(pending())
    before = size()
    journal.reserve()
    reserved = size()
    assert reserved - before > 400_000
    for _ in range(12):
        journal.update(replace(record, failure=Failure("x" * 8000, State.checking)), SAVE)
    assert size() == reserved
    journal.reserve()
    assert size() < reserved + 256_000, "the room is used again, not added to"


def test_a_journal_that_somebody_writes_to_is_an_error_and_no_crash(path: Path, journal: SqliteJournal) -> None:
    """What SQLite has against a write is told as JournalError."""
    journal._connection.execute("PRAGMA busy_timeout=0").fetchall()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalError, match="locked"):
        journal.begin(pending())
    other.execute("ROLLBACK")
    other.close()
    assert journal.begin(pending()).number == 1


def test_the_journal_is_for_its_owner_alone(path: Path, journal: SqliteJournal) -> None:
    """Neither the database nor what SQLite puts beside it is readable by others."""
    journal.begin(pending())
    assert [file.stat().st_mode & 0o777 for file in path.parent.iterdir()] == [0o600] * 3


# Opening it.


def test_a_reader_sees_what_is_written_and_can_write_nothing(path: Path, journal: SqliteJournal) -> None:
    """A looking verb opens the journal for reading alone, also while a deployment writes."""
    reader = read_journal(path, "engine", "project")
    record = journal.begin(pending())
    assert reader.last() == record
    for write in (reader.begin, reader.update, reader.discard):
        with pytest.raises(JournalError, match="readonly"):
            write(record)
    reader.close()


def test_a_journal_that_is_not_there_reads_as_an_empty_one(tmp_path: Path) -> None:
    """Looking makes no file and no folder."""
    reader = read_journal(tmp_path / "nowhere" / "journal.db", "engine", "project")
    assert (reader.last(), list(reader.records()), reader.tag_notes()) == (None, [], TagMemory())
    assert last_scope(tmp_path / "nowhere" / "journal.db") is None
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_is_an_empty_journal(path: Path) -> None:
    """A process may be killed between making the file and writing the first page."""
    path.touch()
    assert read_journal(path, "engine", "project").last() is None
    assert last_scope(path) is None
    journal = open_journal(path, "engine", "project")
    assert journal.begin(pending()).number == 1
    journal.close()


@pytest.mark.parametrize("reading", [True, False])
def test_a_journal_of_a_newer_deploykit_is_refused(path: Path, *, reading: bool) -> None:
    """Exit 2; nothing is guessed of what it may mean."""
    open_journal(path, "engine", "project").close()
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 2")
    other.close()
    with pytest.raises(ConfigError, match="newer deploykit") as caught:
        (read_journal if reading else open_journal)(path, "engine", "project")
    assert caught.value.exit_code == 2
    assert "newer" in caught.value.hint


@pytest.mark.parametrize("reading", [True, False])
@pytest.mark.parametrize("damage", ["text", "folder"])
def test_a_journal_that_cannot_be_used_is_told_with_a_way_out(path: Path, damage: str, *, reading: bool) -> None:
    """Exit 2; what serves can be read from the runtime, so it may be moved away."""
    path.mkdir() if damage == "folder" else path.write_text("this is no database, and longer than its header " * 9)
    with pytest.raises(ConfigError, match=r"the journal .*journal\.db cannot be used") as caught:
        (read_journal if reading else open_journal)(path, "engine", "project")
    assert "move it away" in caught.value.hint


def test_a_journal_is_found_whatever_its_path_looks_like(tmp_path: Path) -> None:
    """Question marks, percent signs and blanks in the path mean themselves, for reading too."""
    folder = tmp_path / "a ?b%20#c"
    folder.mkdir()
    journal = open_journal(folder / "journal.db", "engine", "project")
    journal.begin(pending())
    journal.close()
    reader = read_journal(folder / "journal.db", "engine", "project")
    assert reader.last()
    reader.close()


def test_the_scope_of_the_newest_deployment_is_known_without_an_engine(path: Path, journal: SqliteJournal) -> None:
    """So that history can be shown while the engine is down."""
    journal.begin(pending())
    other = open_journal(path, "engine 2", "project 2")
    other.begin(pending())
    other.close()
    assert last_scope(path) == ("engine 2", "project 2")


# Everything that a record can hold.


digests = st.builds("sha256:{}".format, st.text("0123456789abcdef", min_size=64, max_size=64))
images = st.builds(
    ImageRef, st.sampled_from(["web", "a/b", "h:5000/x"]), st.sampled_from([None, "v1"]), st.none() | digests, digests
)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
times = st.floats(0, 4e9)
releases = st.builds(
    Release, st.sampled_from(["r1", "r12a"]), images, st.dictionaries(words, words, max_size=2), st.booleans()
)
failures = st.builds(
    Failure,
    words,
    st.sampled_from(State),
    words,
    exit_code=st.none() | st.integers(-1, 255),
    oom_killed=st.booleans(),
    dead=st.booleans(),
    logs=words,
    hint=words,
)
records = st.builds(
    Record,
    number=st.just(1),
    engine=st.just("engine"),
    project=st.just("project"),
    kind=st.sampled_from(Kind),
    asked=images,
    started_at=times,
    options=st.builds(
        Options,
        words,
        words,
        st.booleans(),
        st.booleans(),
        st.sampled_from(["always", "missing"]),
        st.sampled_from(["release", "current"]),
        st.booleans(),
    ),
    state=st.sampled_from(State),
    candidate=st.none() | releases,
    made_from=st.none() | releases,
    current=st.none() | releases,
    current_healthy=st.none() | st.booleans(),
    current_reason=words,
    adopted=st.booleans(),
    restore=st.none() | releases,
    prepared=st.booleans(),
    started=st.booleans(),
    tag_before=st.none() | st.builds(TagMemory, st.none() | words, st.none() | words, st.none() | words),
    interrupted=st.none() | st.sampled_from(Cause),
    failure=st.none() | failures,
    restore_failure=st.none() | failures,
    outcome=st.none() | st.sampled_from(Outcome),
    finished_at=st.none() | times,
)


@given(records)
def test_every_record_is_read_back_as_it_was(record: Record) -> None:
    """Whatever a deployment comes to, recovery finds it as it was left."""
    journal = memory_journal("engine", "project")
    assert journal.begin(record) == record
    assert journal.last() == record
    journal.update(replace(record, asked=image("other"), state=State.failed))
    assert list(journal.ended()) == [replace(record, asked=image("other"), state=State.failed)]
    journal.close()
