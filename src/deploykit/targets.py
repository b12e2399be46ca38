"""What a failing deployment goes back to, and whether it may."""

from collections.abc import Callable, Iterable, Sequence

from deploykit.record import Kind, Record
from deploykit.release import Release, Snapshot
from deploykit.stack import barrier, restore_target


def choose_restore(record: Record, stack: Sequence[Release], snapshot: Callable[[], Snapshot]) -> Release | None:
    """Return the restore target of a deployment. `snapshot` reads today's files for the image asked for."""

    def is_candidate(release: Release | None) -> bool:
        return release is not None and _is_candidate(record, release, snapshot)

    good = bool(record.current_healthy) or not (record.adopted or is_candidate(record.current))
    return restore_target(stack, record.current, current_good=good, is_candidate=is_candidate)


def _is_candidate(record: Record, release: Release, snapshot: Callable[[], Snapshot]) -> bool:
    """Before the pull a candidate has no content yet: then its name and today's files tell."""
    if record.candidate:
        return release.same_as(record.candidate)
    return release.image.name == record.asked.name and release.parts == snapshot().parts


def choose_barrier(record: Record, records: Iterable[Record]) -> Release | None:
    """Return the irreversible release that restoring would go back across; `records` are those before, newest first.

    What served when it began is never behind an older one, and a rollback that fails goes forward again.
    """
    target, tried = record.restore, record.candidate
    if target is None or target.same_as(tried):
        return None
    if tried and tried.irreversible and record.kind is Kind.deploy:
        return tried
    return None if target.same_as(record.current) else barrier(records, target)


def restorable(record: Record) -> bool:
    """Whether a failure may go back. Switched off for failed deploys alone; a rollback carries its own switch."""
    if record.restore is None or (record.barrier and not record.options.force):
        return False
    return record.options.auto or (record.kind is Kind.deploy and record.interrupted is not None)
