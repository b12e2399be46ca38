"""What deploykit remembers between runs, in memory."""

import os
from collections.abc import Callable

import pytest

from deploykit.errors import ConfigError, Interrupted, JournalError, Locked, StepFailed
from deploykit.interrupt import Cause, Interruption
from deploykit.protocols import Holder, Identity
from deploykit.record import TagMemory
from deploykit.release import Snapshot
from deploykit.states import State
from deploykit.testing import Killed, ManualClock, MemoryState, Moment
from tests.unit.made import row

HERE = Identity("engine", "project")


@pytest.fixture
def state() -> MemoryState:
    return MemoryState(ManualClock())


def test_rows_outlive_the_journal_that_wrote_them(state: MemoryState) -> None:
    """As on a disk: the next process sees them, and those of others do not count."""
    journal = state.journal(HERE)
    journal.begin(row(state=State.checking))
    journal.close()
    found = state.journal_to_read(None).unfinished()
    assert found
    assert found == state.journal(HERE).last()
    assert state.journal(Identity("engine", "other")).last() is None


def test_a_full_disk_fails_every_write(state: MemoryState) -> None:
    """And no look."""
    journal = state.journal(HERE)
    record = journal.begin(row(state=State.pending))
    state.disk_full = True
    writes: list[Callable[[], object]] = [
        lambda: journal.begin(record),
        lambda: journal.update(record),
        lambda: journal.discard(record),
        journal.reserve,
        lambda: journal.note_tag(TagMemory(note="one")),
    ]
    for write in writes:
        with pytest.raises(JournalError, match="disk is full"):
            write()
    assert journal.last() == record


@pytest.mark.parametrize(("when", "rows"), [("before", 0), ("after", 1)])
def test_a_kill_before_a_write_leaves_nothing_of_it(state: MemoryState, when: str, rows: int) -> None:
    """And one after it leaves all of it."""

    def kill(moment: Moment) -> None:
        if moment.when == when:
            raise Killed

    journal = state.journal(HERE)
    with state.moments.hooked(kill), pytest.raises(Killed):
        journal.begin(row(state=State.pending))
    assert len(list(journal.records())) == rows


def test_the_lock_is_held_by_one(state: MemoryState) -> None:
    """It says by whom, and is free again afterwards, whatever happens."""

    def fail() -> None:
        with state.lock.acquire("deploy", 0, Interruption()):
            assert state.lock.holder() == Holder(os.getpid(), "somebody@here", state.lock.clock.time(), "deploy")
            raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        fail()
    assert state.lock.holder() is None


def test_a_lock_of_somebody_else_is_waited_for(state: MemoryState) -> None:
    """For as long as was asked, or until told to stop."""
    state.lock.held_by = Holder(4711, "eve@ci", 0.0, "deploy")
    with pytest.raises(Locked, match="4711"), state.lock.acquire("deploy", 5, Interruption()):
        pass
    assert 5 <= state.lock.clock.now() < 6
    interruption = Interruption()
    interruption.request(Cause.sigint)
    with pytest.raises(Interrupted), state.lock.acquire("deploy", 5, interruption):
        pass


def test_an_abort_is_for_who_holds_the_lock(state: MemoryState) -> None:
    """And forgotten by the next."""
    assert state.lock.request_abort() is False
    with state.lock.acquire("deploy", 0, Interruption()) as held:
        assert held.abort_requested() is False
        assert state.lock.request_abort() is True
        assert held.abort_requested() is True
    with state.lock.acquire("deploy", 0, Interruption()) as held:
        assert held.abort_requested() is False


def test_files_are_kept_by_release(state: MemoryState) -> None:
    """As the folders keep them."""
    assert state.files.highest() == 0
    state.files.keep("r2", Snapshot({"a": b"1"}))
    state.files.keep("r10a", Snapshot())
    assert (state.files.read("r2"), state.files.highest()) == (Snapshot({"a": b"1"}), 10)
    state.files.discard("r10a")
    state.files.discard("r10a")
    assert state.files.highest() == 2
    with pytest.raises(StepFailed, match="gone"):
        state.files.read("r10a")


@pytest.mark.parametrize(("text", "read"), [(None, None), ("", None), (" \n", None), ("one\n", "one")])
def test_the_tag_file_is_read_as_the_real_one_is(state: MemoryState, text: str | None, read: str | None) -> None:
    """White space around it does not count, and none is nothing."""
    state.tag_text.text = text
    assert state.tag_text.read() == read


def test_a_state_that_cannot_be_used_says_so(state: MemoryState) -> None:
    """When it is prepared."""
    state.prepare()
    state.unusable = "it belongs to root"
    with pytest.raises(ConfigError, match="root"):
        state.prepare()
