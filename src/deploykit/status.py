"""What an app's status is made of."""

from collections.abc import Sequence
from dataclasses import dataclass

from deploykit.current import has_files, known_release
from deploykit.errors import ConfigError, Outcome
from deploykit.protocols import Backend, Hold, Holder, Journal
from deploykit.record import Record
from deploykit.release import ImageRef, Instance, Release, Running
from deploykit.session import Parts
from deploykit.stack import counts_as_running, fold, rollback_target
from deploykit.states import State
from deploykit.tagfile import TagFile

_BESIDE = {State.starting, State.checking, State.rolling_back}
"""States in which a candidate may stand beside what served before, and nobody is to be led to it yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What runs and what the journal says of it.

    `state` and `outcome` are those of the last deployment. `current` is what serves, and `instances` are its own; its
    `id` is empty when deploykit did not start it. `candidate` is what an unfinished deployment tries: while it stands
    beside what served before, that is what serves. `previous` is what `rollback` would bring
    back: a release, or an image that an operator named in the tag file; nothing when that file cannot be used, for
    which `tag_file_problem` is the reason.
    `previous_at_hand` tells whether its image and its files are here, so that no registry is needed for it.
    `recorded` is what the last deployment left serving; None when it left nothing that was well.
    """

    app: str
    state: State | None
    outcome: Outcome | None
    current: Release | None
    candidate: Release | None
    previous: Release | None
    instances: Sequence[Instance]
    lock: Holder | None
    hold: Hold | None = None
    protected: frozenset[str] = frozenset()
    previous_at_hand: bool | None = None
    recorded: Release | None = None
    tag_file_problem: str | None = None

    @property
    def drifted(self) -> bool:
        """Whether something else runs than the last deployment left: somebody has changed it by hand."""
        if self.recorded is None or self.outcome is None:
            return False
        return self.current is None or not (self.current.id == self.recorded.id or self.current.same_as(self.recorded))

    @property
    def ok(self) -> bool:
        """Whether something serves, every instance of it lives, and no deployment was left half-way."""
        unfinished = self.state is not None and self.outcome is None and self.lock is None
        alive = all(one.status == "running" and one.health != "unhealthy" for one in self.instances)
        return bool(self.instances) and alive and not unfinished


@dataclass(frozen=True, slots=True)
class Marks:
    """Ids of releases: what serves, what `rollback` would bring back (None for nothing), what is protected."""

    current: str | None
    target: str | None
    protected: frozenset[str]


def marks_of(journal: Journal) -> Marks:
    """Return what the releases of a history are now, by the journal alone."""
    last = next((record for record in journal.records() if record.ended), None)
    serving = last.serving if last else None
    target = rollback_target(fold(journal.ended()), counts_as_running(journal.records(), serving))
    return Marks(serving.id if serving else None, target.id if target else None, journal.protected())


def look_at(parts: Parts, app: str) -> Status:
    """Look at an app. Changes nothing; raises EngineUnreachable."""
    identity = parts.backend.identity()
    running = parts.backend.running()
    with parts.reading(identity) as journal:
        last = journal.last()
        runs = _current(running, journal)
        old = _beside(parts.backend, last) if last else None
        by_hand, problem = _by_hand(parts, journal)
        previous = None if problem else _previous(journal, runs, last, by_hand)
        return Status(
            app=app,
            state=last.state if last else None,
            outcome=last.outcome if last else None,
            current=old or runs,
            candidate=last.candidate if last and not last.ended else None,
            previous=previous,
            instances=parts.backend.instances(old) if old else running.instances if running else (),
            lock=parts.state.lock.holder(),
            hold=parts.state.hold.read(),
            protected=journal.protected(),
            previous_at_hand=_at_hand(parts, previous) if previous else None,
            recorded=_recorded(last) if last else None,
            tag_file_problem=problem,
        )


def current_release(parts: Parts) -> Release | None:
    """Return what serves; its `id` is empty when deploykit does not know it. Changes nothing."""
    identity = parts.backend.identity()
    running = parts.backend.running()
    with parts.reading(identity) as journal:
        return _current(running, journal)


def _recorded(last: Record) -> Release | None:
    unwell = {Outcome.no_target, Outcome.left_unhealthy, Outcome.restore_failed, Outcome.unfinished}
    return last.serving if last.ended and last.outcome not in unwell else None


def _at_hand(parts: Parts, release: Release) -> bool:
    here = parts.backend.find(release.image) is not None
    return here and (not release.id or has_files(release, parts.state.files))


def _beside(backend: Backend, last: Record) -> Release | None:
    """Return what serves on while an unfinished deployment's candidate stands beside it."""
    if last.ended or last.candidate is None or last.state not in _BESIDE:
        return None
    return last.current if backend.others(last.candidate) else None


def _current(running: Running | None, journal: Journal) -> Release | None:
    if running is None:
        return None
    known = known_release(running, journal)
    if known:
        return known
    stack = fold(journal.ended())
    same_image = (release for release in reversed(stack) if release.image.id == running.image.id)
    return next(same_image, Release("", running.image))


def _by_hand(parts: Parts, journal: Journal) -> tuple[str | None, str | None]:
    """Return the tag in the tag file that an operator wrote there, and why that file cannot be used."""
    try:
        return TagFile(parts.state.tag_text, journal).written_by_hand(), None
    except ConfigError as error:  # it stops a rollback, and that alone
        return None, str(error)


def _previous(journal: Journal, current: Release | None, last: Record | None, by_hand: str | None) -> Release | None:
    stack = fold(journal.ended())
    if by_hand:
        named = next((release for release in reversed(stack) if release.image.tag == by_hand), None)
        repository = current.image.repository if current else (last.asked.repository if last else "unknown")
        return named or Release("", ImageRef(repository, by_hand))
    return rollback_target(stack, counts_as_running(journal.records(), current))
