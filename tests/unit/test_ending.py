"""How a deployment ends: its outcome, and what it leaves in the tag file."""

import pytest

from deploykit.deployment.ending import outcome_of, put_back, settle_tag_file
from deploykit.errors import Outcome
from deploykit.interrupt import Cause
from deploykit.journal import memory_journal
from deploykit.record import Failure, Kind, Record
from deploykit.states import State
from deploykit.tagfile import TagFile
from deploykit.testing import ManualClock, MemoryState
from tests.unit.made import release, row

ONE, TWO = release("one"), release("two", 2)
BROKEN = Failure("it broke", State.rolling_back)


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"state": State.healthy}, Outcome.deployed),
        ({"state": State.healthy, "started": False}, Outcome.unchanged),
        ({"state": State.rolled_back, "restore": ONE}, Outcome.rolled_back),
        ({"state": State.rolled_back, "restore": ONE, "interrupted": Cause.sigint}, Outcome.interrupted),
        ({"state": State.failed}, Outcome.untouched),
        ({"state": State.failed, "restore": ONE}, Outcome.untouched),
        ({"state": State.failed, "interrupted": Cause.sigint}, Outcome.interrupted),
        ({"state": State.failed, "started": True}, Outcome.no_target),
        ({"state": State.failed, "started": True, "restore": ONE}, Outcome.left_unhealthy),
        ({"state": State.failed, "started": True, "restore": ONE, "restore_failure": BROKEN}, Outcome.restore_failed),
        (
            {"state": State.failed, "started": True, "restore": ONE, "interrupted": Cause.sigint}
            | {"restore_failure": BROKEN},
            Outcome.restore_failed,
        ),
        ({"state": State.failed, "started": True, "interrupted": Cause.sigint}, Outcome.no_target),
    ],
)
@pytest.mark.parametrize("kind", Kind)
def test_every_ending_has_its_outcome(fields: dict[str, object], outcome: Outcome, kind: Kind) -> None:
    """An interrupt counts only when what served is safe."""
    state = fields["state"]
    assert isinstance(state, State)
    assert outcome_of(row(1, kind, state, **{name: one for name, one in fields.items() if name != "state"})) is outcome


class Desk:
    """A tag file, and a journal with two good deploys in it."""

    def __init__(self, text: str | None = None) -> None:
        self.state = MemoryState(ManualClock())
        self.journal = memory_journal("engine", "project")
        for number, one in ((1, ONE), (2, TWO)):
            self.journal.begin(row(number, candidate=one))
        self.tag_file = TagFile(self.state.tag_text, self.journal)
        self.state.tag_text.text = text

    def settle(self, record: Record) -> str | None:
        settle_tag_file(record, self.tag_file, self.journal)
        return self.state.tag_text.read()


def test_after_a_deploy_it_holds_what_served_before() -> None:
    """What `rollback` would bring back from then on."""
    assert Desk().settle(row(3, candidate=release("three", 3))) == "two"


def test_after_a_restore_it_holds_what_comes_before_that() -> None:
    """What failed is never in it."""
    failed = row(3, state=State.rolled_back, candidate=release("three", 3), restore=TWO, current=TWO)
    assert Desk().settle(failed) == "one"


@pytest.mark.parametrize(("text", "left"), [("two", "one"), (None, None)])
def test_with_nothing_to_go_back_to_it_names_what_serves(text: str | None, left: str | None) -> None:
    """Where there is a file; none is made for that."""
    rollback = row(3, Kind.rollback, candidate=ONE, current=TWO)
    assert Desk(text).settle(rollback) == left


def test_after_a_restore_that_failed_rollback_tries_it_again() -> None:
    """What could not be brought back does not count as what runs."""
    failed = row(3, state=State.failed, started=True, candidate=release("three", 3), restore=TWO)
    record = Desk().settle(
        row(
            3,
            state=State.failed,
            started=True,
            candidate=failed.candidate,
            restore=TWO,
            restore_failure=BROKEN,
            outcome=Outcome.restore_failed,
        )
    )
    assert record == "two"


def test_a_deployment_that_replaced_nothing_puts_it_back() -> None:
    """Content and note are what they were; one that never got to look leaves it alone."""
    desk = Desk("by-hand")
    before = desk.tag_file.remember()
    desk.tag_file.write("two")
    assert desk.settle(row(3, state=State.failed, tag_before=before)) == "by-hand"
    assert desk.tag_file.written_by_hand() == "by-hand"
    put_back(row(3, state=State.failed), desk.tag_file)
    assert desk.state.tag_text.read() == "by-hand"
