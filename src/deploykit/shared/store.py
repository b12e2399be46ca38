"""The state of an app that any machine deploys: on a shelf of its engine, and a folder here that follows it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from itertools import islice

from deploykit.journal import SqliteJournal
from deploykit.protocols import Clock, Identity, Journal, Shelf, TagText
from deploykit.shared.files import SharedFiles, SharedHold, SharedLogs
from deploykit.shared.journal import KEPT, MARKS, SharedJournal, marks_said, row_said
from deploykit.shared.lease import LEASE, Beat, Lease, in_background
from deploykit.shared.packing import overwrite, pack
from deploykit.store import StateFolder


class SharedState:
    """What deploykit remembers between runs, on whatever machine.

    `here` has what is this machine's own: its lock, its tag file and what it noted of that, and, for the backend, the
    files of releases. `lease` is in seconds: how long a holder that is not heard of keeps the lock.
    """

    def __init__(
        self, here: StateFolder, shelf: Shelf, clock: Clock, lease: float = LEASE, beat: Beat = in_background
    ) -> None:
        self._here = here
        self._shelf = shelf
        self._clock = clock
        self.lock: Lease = Lease(shelf, here.lock, clock, lease, beat)
        self.files: SharedFiles = SharedFiles(here.files, shelf)
        self.logs: SharedLogs = SharedLogs(here.logs, shelf)
        self.hold: SharedHold = SharedHold(shelf)
        self.tag_text: TagText = here.tag_text

    @property
    def folder(self) -> None:
        """None: what is remembered is not lost with a folder."""

    def prepare(self) -> None:
        self._here.prepare()

    def journal(self, identity: Identity) -> SharedJournal:
        with _closed_by_errors(self._here.journal(identity)) as notes:
            if not self._begun:
                self._move_in(notes)
            self.files.fetch()
            return self._opened(notes, identity)

    def journal_to_read(self, identity: Identity | None) -> Journal:
        with _closed_by_errors(self._here.journal_to_read(identity)) as notes:
            return self._opened(notes, identity) if self._begun else notes

    def _opened(self, notes: Journal, identity: Identity | None) -> SharedJournal:
        return SharedJournal(self._shelf, notes, identity, self._clock, self.lock.check)

    @property
    def _begun(self) -> bool:
        """Whether the engine has the journal already; its marks come last."""
        return self._shelf.get(MARKS) is not None

    def _move_in(self, journal: SqliteJournal) -> None:
        """Go on with the story of this machine, which deployed alone until now. Idempotent."""
        self.files.send()
        for record in islice(journal.records(), KEPT):
            self.lock.check()  # it may take long: another may have begun without it
            overwrite(self._shelf, f"row.{record.number}", pack(row_said((record, journal.moves(record)))))
        overwrite(self._shelf, MARKS, pack(marks_said(journal)))


@contextmanager
def _closed_by_errors(journal: SqliteJournal) -> Iterator[SqliteJournal]:
    with ExitStack() as failing:
        failing.callback(journal.close)
        yield journal
        failing.pop_all()


def shelf_name(app: str, target: str | None) -> str:
    """Return the name of an app's shelf: its own among all names, and short enough for what a swarm gives names to."""
    whole = f"{app}/{target}" if target else app
    return f"deploykit.{app[:24]}.{sha256(whole.encode()).hexdigest()[:8]}"
