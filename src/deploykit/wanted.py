"""Which release is meant by who names one, and why going back to it may be refused."""

from dataclasses import replace
from itertools import chain

from deploykit.current import has_files
from deploykit.errors import NoSuchRelease
from deploykit.events import Warned
from deploykit.protocols import Journal
from deploykit.record import Kind, Options, Record, new_row
from deploykit.release import RELEASE_ID, ImageRef, Release
from deploykit.session import Session
from deploykit.stack import Stack, barrier


def by_id_or_tag(journal: Journal, stack: Stack, wanted: str) -> Release | None:
    """Return the release that is meant: by its id, else the newest good one of that tag, else the newest tried."""
    return _by_id(journal, wanted) or _by_tag(journal, stack, wanted)


def _by_id(journal: Journal, wanted: str) -> Release | None:
    if not RELEASE_ID.fullmatch(wanted):
        return None
    record = journal.get(int(wanted.strip("ra")))
    if record is None:
        return None
    if wanted.endswith("a"):
        return record.current if record.current and record.current.id == wanted else None
    return record.candidate


def _by_tag(journal: Journal, stack: Stack, wanted: str) -> Release | None:
    """Return the newest good release of that tag, else the newest that was ever tried, or found."""
    known = (release for record in journal.records() for release in (record.candidate, record.current))
    every = chain(reversed(stack), (release for release in known if release))
    return next((release for release in every if release.image.tag == wanted), None)


def row_to(target: Release | ImageRef, options: Options) -> Record:
    """Return the row of a rollback to a release, or to an image whose release is not known."""
    if isinstance(target, ImageRef):
        return new_row(Kind.rollback, target, options)
    row = new_row(Kind.rollback, target.image, options)
    if options.files == "current":
        return replace(row, made_from=target)
    return replace(row, candidate=target)


def serves(target: Release | ImageRef, running: Release | None) -> bool:
    """Whether what is meant is what runs."""
    if isinstance(target, Release):
        return target.same_as(running)
    return running is not None and target.id is not None and target.id == running.image.id


def say_if_it_failed(session: Session, stack: Stack, release: Release) -> None:
    """Warn of a release that is none of the good ones."""
    if any(release.same_as(good) for good in stack):
        return
    tried = (record for record in session.journal.records() if release.same_as(record.candidate))
    record = next((record for record in tried if record.outcome), None)
    if record and record.outcome:
        how = "was left behind by a rollback" if record.good else f"ended {record.outcome.value}"
        text = f"{release.image.name} is not among the good releases: {record.id} {how}"
        session.parts.notify(Warned(id=record.id, at=session.parts.clock.time(), text=text))


def check_files(session: Session, target: Release | ImageRef, options: Options) -> None:
    """Refuse a release whose files are gone.

    Raises:
        NoSuchRelease: they are.
    """
    if isinstance(target, ImageRef) or options.files == "current" or has_files(target, session.parts.state.files):
        return
    msg = f"the files of {target.image.name} ({target.id}) are gone: `prune` removed them, or somebody else"
    raise NoSuchRelease(msg, hint="Nothing was touched. `--files current` goes back to its image with today's files.")


def check_barrier(session: Session, target: Release | ImageRef, options: Options) -> None:
    """Refuse to go back across an irreversible release, but by force.

    Raises:
        NoSuchRelease: one lies between.
    """
    release = target if isinstance(target, Release) else None
    between = None if options.force else barrier(session.journal.records(), release)
    if between:
        msg = f"{between.image.name} ({between.id}) is irreversible, and lies between"
        raise NoSuchRelease(msg, hint="Nothing was touched. Go back across it with --force, if you must.")
