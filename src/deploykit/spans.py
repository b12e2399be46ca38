"""Since when a release has served, and how long another one did: read from the deployments, newest first."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from deploykit.record import Move, Record, began
from deploykit.release import Release
from deploykit.states import State

_FAR_ENOUGH = 200
"""Deployments that are looked through for when a release served last: it is told in passing, and costs no second."""


@dataclass(frozen=True, slots=True)
class Span:
    """When a release served: until then; since when, if that is known."""

    since: float | None
    until: float

    @property
    def seconds(self) -> float | None:
        return elapsed(self.since, self.until)


def elapsed(since: float | None, until: float) -> float | None:
    """Return the seconds between; None when that is not known, or the machine's clock was set back between."""
    return None if since is None or since > until else until - since


def served_since(records: Iterable[Record], release: Release) -> float | None:
    """Return since when the release that serves has done so without a break; None when that is not known."""
    for record in records:
        if not record.ended:
            continue
        if not release.same_as(record.serving):
            return None
        if _brought(record):
            return (record.healthy_at or record.finished_at) if _ended_well(record) else None
        if record.current_since is not None:
            return record.current_since
    return None


def served_last(records: Iterable[Record], release: Release, moves: Callable[[Record], Sequence[Move]]) -> Span | None:
    """Return when the release served, the last time until another one took its place; None when that is not known."""
    seen = islice(records, _FAR_ENOUGH)
    for record in seen:
        if _brought(record) and release.same_as(record.current) and not release.same_as(record.serving):
            until = began(moves(record)) or record.started_at
            return Span(record.current_since or served_since(seen, release), until)
    return None


def _brought(record: Record) -> bool:
    """Whether a deployment has put there what serves since: not when what served before went on beside it."""
    if not record.ended or not record.started or record.beside:
        return False
    went_on = record.state is State.rolled_back and record.replaced is False
    return not (went_on and record.restore is not None and record.restore.same_as(record.current))


def _ended_well(record: Record) -> bool:
    return record.good or record.state is State.rolled_back
