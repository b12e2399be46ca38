"""The undo stack of good releases, and the two targets that are chosen from it. Pure functions.

The stack is read from its top, and only as far down as somebody looks: a long history costs nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Reversible, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import overload

from deploykit.errors import Outcome
from deploykit.record import Kind, Record
from deploykit.release import ImageRef, Release


class Stack(Sequence[Release]):
    """Good releases, the newest last; told newest first, as they are looked at."""

    def __init__(self, newest_first: Iterator[Release]) -> None:
        self._rest = newest_first
        self._known: list[Release] = []

    def __reversed__(self) -> Iterator[Release]:
        depth = 0
        while self._reaches(depth):
            yield self._known[depth]
            depth += 1

    @overload
    def __getitem__(self, index: int) -> Release: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Release]: ...
    def __getitem__(self, index: int | slice) -> Release | Sequence[Release]:
        if isinstance(index, int) and index < 0 and self._reaches(-index - 1):
            return self._known[-index - 1]
        return tuple(reversed([*reversed(self)]))[index]

    def __len__(self) -> int:
        return sum(1 for _ in reversed(self))

    def __bool__(self) -> bool:
        return self._reaches(0)

    def _reaches(self, depth: int) -> bool:
        while len(self._known) <= depth:
            release = next(self._rest, None)
            if release is None:
                return False
            self._known.append(release)
        return True


def fold(records: Iterable[Record], last: Record | None = None) -> Stack:
    """Fold deployments, oldest first, and `last` after them, to the good releases that they left.

    A release that was found and passed its probes pushes, however the deployment that found it ended. A deploy that
    reached healthy pushes. A rollback that reached healthy pops down to what it brought. Nothing else changes it.

    What can be read from its end is not read further than it must be.
    """
    newest_first = reversed(records if isinstance(records, Reversible) else list(records))
    return Stack(_Unfolding().run(chain([last] if last else [], newest_first)))


@dataclass(slots=True)
class _Search:
    """A rollback that looks for what it brought in the stack before it, and what it has passed over, newest first."""

    rollback: Record
    wanted: Release
    passed: list[Release] = field(default_factory=list)


class _Unfolding:
    """Tells the stack from its top. What a deployment pushed goes to the rollback after it that still searches."""

    def __init__(self) -> None:
        self._searches: list[_Search] = []
        self._deployed: dict[str, list[int]] = defaultdict(list)
        """When releases were deployed, newest first, by fingerprint: as far as a search may ask for it."""

    def run(self, newest_first: Iterable[Record]) -> Iterator[Release]:
        for record in newest_first:
            if record.good and record.candidate:
                yield from self._meet(record.candidate)
                if record.kind is Kind.rollback:
                    self._searches.append(_Search(record, record.made_from or record.candidate))
            if self._searches:
                self._note_times(record)
            if record.adopted and record.current_healthy and record.current:
                yield from self._meet(record.current)
        while self._searches:
            for release in self._left_by(self._searches.pop()):
                yield from self._meet(release)

    def _meet(self, release: Release) -> Iterator[Release]:
        """Let the rollback that searches have a release; without one it is in the stack."""
        if not self._searches:
            yield release
        elif release.same_as(self._searches[-1].wanted):
            self._searches.pop()
        else:
            self._searches[-1].passed.append(release)

    def _note_times(self, record: Record) -> None:
        for fingerprint, number in _times(record).items():
            self._deployed[fingerprint].append(number)

    def _left_by(self, search: _Search) -> list[Release]:
        """Return what a rollback to a release that was not in the stack left there: the newest may be left behind."""
        before = search.passed
        number = search.rollback.number
        if before and before[0].same_as(search.rollback.current):
            named, newest = (self._when(one.fingerprint, number) for one in (search.wanted, before[0]))
            if named <= newest:
                return before[1:]
        return before

    def _when(self, fingerprint: str, until: int) -> int:
        """Return the number of the last deployment, up to that one, which deployed a release; 0 for none."""
        numbers = self._deployed.get(fingerprint, [])
        return max((number for number in numbers if number <= until), default=0)


def _times(record: Record) -> dict[str, int]:
    """Return when the releases that a deployment put there, or found there, were deployed, by their fingerprints."""
    found = record.current if record.adopted else None
    put = record.candidate if record.kind is Kind.deploy and (record.started or record.good) else None
    return {release.fingerprint: record.number for release in (found, put) if release}


def counts_as_running(records: Iterable[Record], running: Release | None) -> Release | None:
    """Return what runs, unless its restore is known to have failed; `records` come newest first.

    Known until a deployment replaces it, or finds it healthy.
    """
    for record in records:
        if record.started or record.good or record.current_healthy:
            failed = record.outcome is Outcome.restore_failed and record.restore
            return None if failed and failed.same_as(running) else running
    return running


def failed_before(records: Iterable[Record], image: ImageRef) -> Record | None:
    """Return the deployment that last tried this content, when that failed; `records` come newest first.

    One that never started it says nothing of it.
    """
    for record in records:
        if record.candidate and record.started and record.ended and record.candidate.image.id == image.id:
            return None if record.good or record.outcome is Outcome.interrupted else record
    return None


def barrier(records: Iterable[Record], target: Release | None) -> Release | None:
    """Return the irreversible release that going to the target would go back across; `records` come newest first."""
    for record in records:
        tried = record.candidate if record.kind is Kind.deploy and (record.prepared or record.started) else None
        if target and (target.same_as(tried) or (record.adopted and target.same_as(record.current))):
            return None
        if tried and tried.irreversible:
            return tried
    return None


def rollback_target(stack: Sequence[Release], running: Release | None) -> Release | None:
    """Return the newest good release that is not the same as what runs."""
    return newest_other(stack, lambda release: release.same_as(running))


def restore_target(
    stack: Sequence[Release], current: Release | None, *, current_good: bool, is_candidate: Callable[[Release], bool]
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
