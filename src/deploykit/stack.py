"""The undo stack of good releases, and the two targets that are chosen from it. Pure functions."""

from collections.abc import Callable, Iterable, Sequence

from deploykit.record import Kind, Record
from deploykit.release import Release

Stack = tuple[Release, ...]
"""Good releases, the newest last."""


def fold(records: Iterable[Record]) -> Stack:
    """Fold deployments, oldest first, to the good releases that they left."""
    stack: Stack = ()
    for record in records:
        stack = step(stack, record)
    return stack


def step(stack: Stack, record: Record) -> Stack:
    """Return the stack as this deployment leaves it.

    A release that was found and passed its probes pushes, however the deployment that found it ended. A deploy that
    reached healthy pushes. A rollback that reached healthy pops down to what it brought. Nothing else changes it.
    """
    if record.adopted and record.current_healthy and record.current:
        stack = (*stack, record.current)
    if not record.good or record.candidate is None:
        return stack
    if record.kind is Kind.deploy:
        return (*stack, record.candidate)
    return _rolled_back(stack, record, record.candidate)


def _rolled_back(stack: Stack, record: Record, brought: Release) -> Stack:
    wanted = record.made_from or brought
    for depth in range(len(stack), 0, -1):
        if stack[depth - 1].same_as(wanted):
            return (*stack[: depth - 1], brought)
    left = record.current
    if stack and stack[-1].same_as(left) and not _deployed_later(wanted, stack[-1]):
        stack = stack[:-1]
    return (*stack, brought)


def _deployed_later(release: Release, than: Release) -> bool:
    return number(release) > number(than)


def number(release: Release) -> int:
    """Return the number of the deployment that first tried, or found, the release."""
    return int(release.id.strip("ra"))


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
