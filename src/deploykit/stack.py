"""The undo stack of good releases, and the two targets that are chosen from it. Pure functions."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from deploykit.errors import Outcome
from deploykit.record import Kind, Record
from deploykit.release import Release

Stack = tuple[Release, ...]
"""Good releases, the newest last."""


def fold(records: Iterable[Record]) -> Stack:
    """Fold deployments, oldest first, to the good releases that they left.

    A release that was found and passed its probes pushes, however the deployment that found it ended. A deploy that
    reached healthy pushes. A rollback that reached healthy pops down to what it brought. Nothing else changes it.
    """
    stack: Stack = ()
    deployed: dict[str, int] = {}
    for record in records:
        stack = _adopted(stack, record)
        deployed |= _times(record)
        if record.good and record.candidate:
            stack = _brought(stack, record, record.candidate, deployed)
    return stack


def _adopted(stack: Stack, record: Record) -> Stack:
    if record.adopted and record.current_healthy and record.current:
        return (*stack, record.current)
    return stack


def _times(record: Record) -> dict[str, int]:
    """Return when the releases that a deployment put there, or found there, were deployed, by their fingerprints."""
    found = record.current if record.adopted else None
    put = record.candidate if record.kind is Kind.deploy and (record.started or record.good) else None
    return {release.fingerprint: record.number for release in (found, put) if release}


def _brought(stack: Stack, record: Record, brought: Release, deployed: Mapping[str, int]) -> Stack:
    if record.kind is Kind.deploy:
        return (*stack, brought)
    wanted = record.made_from or brought
    for depth in range(len(stack), 0, -1):
        if stack[depth - 1].same_as(wanted):
            return (*stack[: depth - 1], brought)
    if _leaves(stack, record, deployed.get(wanted.fingerprint, 0), deployed):
        stack = stack[:-1]
    return (*stack, brought)


def _leaves(stack: Stack, record: Record, named: int, deployed: Mapping[str, int]) -> bool:
    """Whether the newest good release is the one left behind: not when the named one was deployed later than it."""
    return bool(stack) and stack[-1].same_as(record.current) and named <= deployed.get(stack[-1].fingerprint, 0)


def counts_as_running(records: Iterable[Record], running: Release | None) -> Release | None:
    """Return what runs, unless its restore is known to have failed; `records` come newest first.

    Known until a deployment replaces it, or finds it healthy.
    """
    for record in records:
        if record.started or record.good or record.current_healthy:
            failed = record.outcome is Outcome.restore_failed and record.restore
            return None if failed and failed.same_as(running) else running
    return running


def barrier(records: Iterable[Record], target: Release | None) -> Release | None:
    """Return the irreversible release that going to the target would go back across; `records` come newest first."""
    for record in records:
        tried = record.candidate if record.kind is Kind.deploy and (record.prepared or record.started) else None
        if target and (target.same_as(tried) or (record.adopted and target.same_as(record.current))):
            return None
        if tried and tried.irreversible:
            return tried
    return None


def rollback_target(stack: Stack, running: Release | None) -> Release | None:
    """Return the newest good release that is not the same as what runs."""
    return newest_other(stack, lambda release: release.same_as(running))


def restore_target(
    stack: Stack, current: Release | None, *, current_good: bool, is_candidate: Callable[[Release], bool]
) -> Release | None:
    """Return what a deployment goes back to when it fails.

    What was current when it began, if that is good; else the newest good release that is not the candidate; in the
    last resort what was current, though it never passed its probes.

    `current_good`: it is healthy, or is good by record and not known to have failed since.
    """
    if current and current_good:
        return current
    return newest_other(stack, is_candidate) or (current if current and not is_candidate(current) else None)


def newest_other(stack: Sequence[Release], excluded: Callable[[Release], bool]) -> Release | None:
    """Return the newest release that is not excluded."""
    return next((release for release in reversed(stack) if not excluded(release)), None)
