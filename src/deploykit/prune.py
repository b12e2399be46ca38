"""What may go of old releases, and letting it go."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from deploykit.current import has_files
from deploykit.errors import ConfigError, NoSuchRelease, StepFailed
from deploykit.events import Warned
from deploykit.record import Record
from deploykit.release import Release
from deploykit.session import Session
from deploykit.stack import Stack, counts_as_running, rollback_target

LEAST = 2
"""Good releases that stay whatever is asked for: what serves, and what a rollback brings back."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went, newest first, and what stayed."""

    removed: Sequence[Release]
    kept: Sequence[Release]


def known(records: Iterable[Record]) -> list[Release]:
    """Return every release that deployments tried or found, newest first; `records` come newest first."""
    found: dict[str, Release] = {}
    for record in records:
        for release in (record.candidate, record.current, record.restore):
            if release and release.id:
                found.setdefault(release.id, release)
    return sorted(found.values(), key=_age, reverse=True)


def kept(
    records: Sequence[Record], stack: Stack, running: Release | None, protected: frozenset[str], keep: int
) -> list[Release]:
    """Return the releases that stay: what serves, what is gone back to, what is protected, the newest good ones.

    `records` come newest first. What cannot be told apart from one of these by its content stays with it.
    """
    good = [release for release, _ in zip(reversed(stack), range(max(keep, LEAST)), strict=False)]
    target = rollback_target(stack, counts_as_running(records, running))
    last = records[0] if records else None
    of_last = (last.candidate, last.current, last.restore, last.serving) if last else ()
    guarded = [one for one in known(records) if one.id in protected]
    return [one for one in (running, target, *of_last, *good, *guarded) if one]


def prunable(every: Iterable[Release], staying: Sequence[Release]) -> Iterator[Release]:
    """Yield the releases that are none of those that stay."""
    for release in every:
        if not any(release.id == one.id or release.same_as(one) for one in staying):
            yield release


def prune(session: Session, keep: int) -> Pruned:
    """Let go of old releases: their ended instances, their images, their files. The history stays.

    Raises:
        ConfigError: a deployment is not finished.
        EngineUnreachable: the runtime does not answer.
    """
    if unfinished := session.journal.unfinished():
        msg = f"{unfinished.id} is not finished, it is in {unfinished.state.name}"
        raise ConfigError(msg, hint="Nothing was removed. `deploykit recover` finishes it; prune then.")
    stack, records = session.stack(), list(session.journal.records())
    staying = kept(records, stack, session.running(stack), session.journal.protected(), keep)
    gone = [release for release in prunable(known(records), staying) if _removed(session, release, staying)]
    _discard_logs(session, records, {one.id for one in staying})
    return Pruned(gone, _distinct(staying))


def _removed(session: Session, release: Release, staying: Sequence[Release]) -> bool:
    """Remove what there is of a release; whether there was anything."""
    files, backend = session.parts.state.files, session.parts.backend
    try:
        went = backend.discard(release, staying, session.tools.control)
    except StepFailed as error:
        text = f"{release.image.name} ({release.id}) stays: {error}"
        session.parts.notify(Warned(id=release.id, at=session.parts.clock.time(), text=text))
        return False
    went = has_files(release, files) or went
    files.discard(release.id)
    return went


def _discard_logs(session: Session, records: Iterable[Record], staying: set[str]) -> None:
    """Forget the logs of the failures of what does not stay."""
    for record in records:
        if record.candidate is None or record.candidate.id not in staying:
            session.parts.state.logs.discard(record.id)


def protect(session: Session, release: Release, *, on: bool) -> None:
    """Protect a release against `prune`, or no longer.

    Raises:
        NoSuchRelease: it is none of the history's.
    """
    if release.id not in {one.id for one in known(session.journal.records())}:
        msg = f"{release.image.name} was not deployed by deploykit"
        raise NoSuchRelease(msg, hint="Nothing prunes it. `deploykit history` lists what could be.")
    session.journal.protect(release.id, on=on)


def _distinct(releases: Iterable[Release]) -> list[Release]:
    found = {release.id: release for release in releases if release.id}
    return sorted(found.values(), key=_age, reverse=True)


def _age(release: Release) -> tuple[int, bool]:
    return int(release.id.strip("ra")), not release.id.endswith("a")
