"""The journal that machines share: what one has written, all read; and nobody writes what is not his to write."""

import json
import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from deploykit.errors import ConfigError, JournalError, LockLost
from deploykit.journal import memory_journal
from deploykit.protocols import Identity
from deploykit.record import Kind, Move, Record, TagMemory
from deploykit.shared import journal as module
from deploykit.shared.journal import PATIENCE, SharedJournal
from deploykit.states import State, Trigger
from tests.unit.made import release, row
from tests.unit.shared.machines import Machines

SAVE = Move(5.0, State.pending, Trigger.save, State.saved)
PULL = Move(6.5, State.saved, Trigger.pull, State.pulling)


def opened(machines: Machines, project: str = "project", check: Callable[[], None] = lambda: None) -> SharedJournal:
    """The journal, as a process on a machine opens it."""
    notes = memory_journal("engine", project)
    return SharedJournal(machines.shelf, notes, Identity("engine", project), machines.clock, check)


def pending(**fields: object) -> Record:
    return row(0, Kind.deploy, State.pending, **fields)


def test_what_one_writes_all_read(machines: Machines) -> None:
    """Rows, moves, and what is protected."""
    here = opened(machines)
    begun = here.begin(pending(candidate=release("one")))
    here.update(replace(begun, state=State.saved), SAVE)
    here.update(replace(begun, state=State.pulling), PULL)
    here.protect("r1", on=True)
    here.protect("r2", on=True)
    here.protect("r1", on=False)
    there = opened(machines)
    assert there.unfinished() == there.get(1) == here.get(1)
    assert list(there.moves(begun)) == [SAVE, PULL]
    assert there.protected() == {"r2"}
    assert there.begin(pending()).id == "r2"


def test_projects_share_the_numbers_alone(machines: Machines) -> None:
    """As in the file."""
    opened(machines, "one").begin(pending())
    other = opened(machines, "two")
    assert (other.last(), other.protected()) == (None, frozenset())
    other.protect("r2", on=True)
    assert other.begin(pending()).number == 2
    assert opened(machines, "one").protected() == frozenset()
    assert opened(machines, "two").protected() == {"r2"}
    opened(machines, "one").protect("r1", on=True)
    assert [opened(machines, one).protected() for one in ("one", "two")] == [{"r1"}, {"r2"}]
    assert SharedJournal(machines.shelf, other, None, machines.clock, lambda: None).project == "two"


def test_the_machines_own_journal_is_closed_with_it(machines: Machines) -> None:
    """No file of it stays open."""
    notes = memory_journal("engine", "project")
    SharedJournal(machines.shelf, notes, None, machines.clock, lambda: None).close()
    with pytest.raises(ConfigError, match="closed"):
        notes.tag_notes()


def test_a_number_that_was_taken_back_is_not_given_again(machines: Machines) -> None:
    """Not on another machine either; what stood for it goes with the next deployment."""
    here = opened(machines)
    here.discard(here.begin(pending()))
    there = opened(machines)
    assert there.last() is None
    assert there.begin(pending()).number == 2
    assert machines.shelf.keys == ["row.2"]


def test_the_tag_files_notes_are_the_machines_own(machines: Machines) -> None:
    """The file itself is on that machine alone."""
    here = opened(machines)
    here.note_tag(TagMemory(note="one"))
    assert here.tag_notes() == TagMemory(note="one")
    assert opened(machines).tag_notes() == TagMemory()


def test_what_is_no_row_is_left_alone(machines: Machines) -> None:
    """Whoever put it there."""
    machines.shelf.put("row.x", b"", None)
    assert opened(machines).begin(pending()).number == 1


def test_only_so_many_deployments_are_kept(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an end, they would be too many for an engine; what is protected stays."""
    monkeypatch.setattr(module, "KEPT", 3)
    here = opened(machines)
    here.protect("r2", on=True)
    for _ in range(6):
        here.update(replace(here.begin(pending()), state=State.healthy))
    assert [one.number for one in opened(machines).records()] == [6, 5, 4, 2]


def test_what_is_forgotten_leaves_nothing(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files and logs of deployments that nobody knows any more; another project's are its own."""
    monkeypatch.setattr(module, "KEPT", 2)
    opened(machines, "other").begin(pending())
    here = opened(machines)
    for name in ("r1", "r2", "r3", "r3a", "r4"):
        machines.shelf.put(f"files.{name}", b"x", None)
        machines.shelf.put(f"log.{name}", b"x", None)
    for number in (2, 3, 2, 5):
        here.begin(pending(candidate=release(str(number), number)))
    left = ["files.r1", "files.r2", "files.r4", "log.r1", "log.r2", "log.r4", "row.1", "row.4", "row.5"]
    assert machines.shelf.keys == left


def test_what_a_rollback_goes_to_is_not_forgotten(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often nothing came of it since: a run that finds all as it should be is a deployment too.

    Nor is the one that a release is called after, which failed when it was first tried.
    """
    monkeypatch.setattr(module, "KEPT", 3)
    here = opened(machines)
    tried = [(State.healthy, 1), (State.failed, 2), (State.healthy, 2), *((State.failed, None),) * 6]
    for state, number in tried:
        candidate = release(str(number), number) if number else None
        here.update(replace(here.begin(pending()), state=state, candidate=candidate))
    assert [one.number for one in opened(machines).records()] == [9, 8, 7, 3, 2, 1]


def test_what_cannot_be_forgotten_now_is_later(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    """No deployment fails for it, nor is its row left behind."""
    monkeypatch.setattr(module, "KEPT", 1)
    here = opened(machines)
    here.begin(pending())
    with monkeypatch.context() as away:
        away.setattr(machines.shelf, "remove", machines.shelf.gone)
        assert here.begin(pending()).number == 2
    opened(machines).begin(pending())
    assert [key for key in machines.shelf.keys if key.startswith("row")] == ["row.3"]


def test_an_engine_that_does_not_answer_is_waited_for(machines: Machines) -> None:
    """As long as with any other step of a deploy; then it counts as a journal that cannot be written."""
    here = opened(machines)
    begun = here.begin(pending())
    machines.shelf.away = True
    machines.clock.on_sleep = lambda: setattr(machines.shelf, "away", machines.clock.elapsed < PATIENCE / 2)
    here.update(replace(begun, state=State.saved), SAVE)
    assert machines.clock.elapsed == PATIENCE / 2
    assert opened(machines).get(1) == here.get(1)
    machines.shelf.away = True
    machines.clock.on_sleep = lambda: None
    with pytest.raises(JournalError, match=r"cannot be written: the shelf does not answer") as caught:
        here.update(replace(begun, state=State.pulling), PULL)
    assert "deploykit recover" in caught.value.hint


def test_what_was_written_but_not_told_is_written_once(machines: Machines) -> None:
    """The engine went away before it said so."""
    here = opened(machines)
    machines.shelf.put_but_not_told = True
    begun = here.begin(pending())
    machines.shelf.put_but_not_told = True
    here.update(replace(begun, state=State.saved), SAVE)
    assert opened(machines).get(1) == here.get(1)


def test_an_engine_that_refuses_is_told_at_once(machines: Machines) -> None:
    """With what it says, and how to mend it."""
    here = opened(machines)
    machines.shelf.refuses = True
    with pytest.raises(JournalError, match="takes nothing more") as caught:
        here.begin(pending())
    assert caught.value.hint == "Make room."
    assert machines.clock.elapsed == 0


def test_a_row_that_another_went_on_with_is_left_alone(machines: Machines) -> None:
    """Whatever its old holder believes: what it read is not what is there."""
    here = opened(machines)
    begun = here.begin(pending())
    there = opened(machines)
    there.update(replace(begun, state=State.failed))
    with pytest.raises(LockLost, match=r"row\.1 was written by another machine"):
        here.update(replace(begun, state=State.saved), SAVE)
    assert opened(machines).last() == there.last()


def test_two_that_believe_to_have_the_lock_do_not_both_begin(machines: Machines) -> None:
    """A number is given once."""
    here, there = opened(machines), opened(machines)
    here.begin(pending())
    with pytest.raises(LockLost):
        there.begin(pending(options=replace(pending().options, message="other")))


def test_the_lock_is_looked_at_before_each_write(machines: Machines) -> None:
    """Nothing is written without it."""

    def lost() -> None:
        raise LockLost("gone")

    begun = opened(machines).begin(pending())
    here = opened(machines, check=lost)
    for write in (
        lambda: here.begin(pending()),
        lambda: here.update(replace(begun, state=State.saved)),
        lambda: here.discard(begun),
        lambda: here.protect("r1", on=True),
    ):
        with pytest.raises(LockLost):
            write()
    assert opened(machines).last() == begun


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"nonsense", "cannot be read"),
        (zlib.compress(b"[]"), "cannot be read"),
        (zlib.compress(json.dumps({"version": 2, "said": {}}).encode()), "written by a newer|by a newer deploykit"),
        (zlib.compress(json.dumps({"version": 1, "said": {"record": {}}}).encode()), "cannot be read"),
        (zlib.compress(json.dumps({"version": 1, "said": {"record": 1, "moves": 2}}).encode()), "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_told(machines: Machines, content: bytes, told: str) -> None:
    """Exit 2, not a traceback."""
    machines.shelf.put("row.1", content, None)
    with pytest.raises(ConfigError, match=told):
        opened(machines)
