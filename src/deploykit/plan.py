"""What `run` would do, told before it does anything."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from deploykit.current import known_release, same_name
from deploykit.protocols import Backend, Journal, PullPolicy
from deploykit.record import Record
from deploykit.release import ImageRef, Instance, Release, Running, Snapshot
from deploykit.session import Parts
from deploykit.stack import failed_before, fold
from deploykit.targets import choose_barrier, choose_restore


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a deploy would do, as far as that can be told before the registry is asked.

    `image` is the content at hand under the name asked for, pinned; None when there is none. `pull` is when the
    registry is asked. `serving` is what serves, with its `instances`; its `id` is empty when deploykit knows it not.
    `unchanged`: that content serves already, with today's files, so that nothing moves unless the registry has newer.
    `beside`: new instances stand up beside these, which go when all are healthy; else they are replaced in place.
    `command` and `rehearse`: what comes before that. `restore` is what a failure goes back to, None for nothing, and
    `barrier` the irreversible release which stands against that. `failed` is the last deployment of the content at hand
    when that failed.
    """

    app: str
    asked: ImageRef
    image: ImageRef | None
    pull: PullPolicy
    serving: Release | None
    instances: Sequence[Instance]
    unchanged: bool
    beside: bool
    command: bool
    rehearse: bool
    restore: Release | None
    barrier: Release | None
    failed: Record | None


def plan(parts: Parts, app: str, row: Record, pull: PullPolicy) -> Plan:
    """Plan the deployment of a row that is not written. Changes nothing, and asks no registry.

    Raises:
        ConfigError: a file, a service or a variable is missing or wrong.
        EngineUnreachable: the runtime does not answer.
    """
    backend = parts.backend
    identity = backend.identity()
    snapshot = backend.snapshot(row.asked)
    running = backend.running()
    image = backend.find(row.asked)
    with parts.reading(identity) as journal:
        row = _foreseen(row, backend, running, image, snapshot, journal)
        before = list(journal.records()) if image else []
        return Plan(
            app=app,
            asked=row.asked,
            image=image,
            pull=pull,
            serving=row.current,
            instances=running.instances if running else (),
            unchanged=_unchanged(row),
            beside=backend.beside,
            command=backend.has_release_command(),
            rehearse=row.options.rehearse,
            restore=row.restore if row.options.auto else None,
            barrier=row.barrier,
            failed=failed_before(before, image) if image else None,
        )


def _foreseen(
    row: Record, backend: Backend, running: Running | None, image: ImageRef | None, snapshot: Snapshot, journal: Journal
) -> Record:
    """Return the row as it would be before anything is started; what serves is taken for healthy."""
    stack = fold(journal.ended())
    current = _current(running, backend, journal)
    candidate = Release("", image, snapshot.parts) if image else None
    row = replace(row, current=current, current_healthy=current is not None, candidate=candidate)
    row = replace(row, restore=choose_restore(row, stack, lambda: snapshot))
    return replace(row, barrier=choose_barrier(row, journal.records()))


def _current(running: Running | None, backend: Backend, journal: Journal) -> Release | None:
    if running is None:
        return None
    return known_release(running, journal) or Release("", running.image, backend.snapshot(running.image).parts)


def _unchanged(row: Record) -> bool:
    serves = row.current is not None and row.candidate is not None and same_name(row.current, row.candidate)
    return serves and not row.options.force
