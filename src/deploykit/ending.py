"""How a deployment ends: its outcome, and what it leaves in the tag file."""

from deploykit.errors import Outcome
from deploykit.protocols import Journal
from deploykit.record import Record
from deploykit.stack import counts_as_running, fold, rollback_target
from deploykit.states import State
from deploykit.tagfile import TagFile


def outcome_of(record: Record) -> Outcome:
    """Return the outcome of a deployment that is in a terminal state."""
    match record.state:
        case State.healthy:
            return Outcome.deployed if record.started else Outcome.unchanged
        case State.rolled_back:
            return Outcome.interrupted if record.interrupted else Outcome.rolled_back
        case _ if not record.started or record.beside:
            return Outcome.interrupted if record.interrupted else Outcome.untouched
        case _ if record.restore_failure:
            return Outcome.restore_failed
        case _:
            return Outcome.left_unhealthy if record.restore else Outcome.no_target


def settle_tag_file(record: Record, tag_file: TagFile, journal: Journal) -> None:
    """Write what `rollback` brings back from now on; put back what was there when nothing was replaced."""
    if not record.started:
        put_back(record, tag_file)
        return
    serving = record.serving
    running = counts_as_running([record], serving)
    release = rollback_target(fold(journal.ended(), record), running)
    if release is None and tag_file.exists():
        release = serving
    if release:
        tag_file.write(release.image.tag)


def put_back(record: Record, tag_file: TagFile) -> None:
    """Leave the tag file as it was before this deployment."""
    if record.tag_before:
        tag_file.put_back(record.tag_before)
