"""The state of an app that any machine deploys: on a shelf of its engine, and a folder here that follows it."""

from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from deploykit.errors import ConfigError
from deploykit.journal import SqliteJournal
from deploykit.processes import boot
from deploykit.protocols import Clock, Identity, Journal, Shelf, TagText
from deploykit.shared.files import SharedFiles, SharedHold, SharedLogs
from deploykit.shared.journal import SharedJournal, marks_said, row_said
from deploykit.shared.lease import LEASE, Beat, Lease, in_background
from deploykit.shared.packing import overwrite, pack, unpack
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
        self.lock: Lease = Lease(shelf, here.lock, lambda: _place(here.path), clock, lease, beat)
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
        notes = self._here.journal(identity)
        if not self._begun:
            self._move_in(notes)
        self.files.fetch()
        return SharedJournal(self._shelf, notes, identity, self._clock, self.lock.check)

    def journal_to_read(self, identity: Identity | None) -> Journal:
        if not self._begun:
            return self._here.journal_to_read(identity)
        found = identity or self._last_scope()
        self._follow()
        notes = self._here.journal_to_read(found)
        return SharedJournal(self._shelf, notes, found, self._clock, self.lock.check)

    def _follow(self) -> None:
        """Bring the files of releases here, for what is run by hand, unless another does, or nothing can be written."""
        with suppress(ConfigError, OSError):
            self.prepare()
            with self._here.lock.if_free() as free:
                if free:
                    self.files.fetch()

    @property
    def _begun(self) -> bool:
        """Whether the engine has the journal already; its marks come last."""
        return bool(self._shelf.read("marks"))

    def _move_in(self, journal: SqliteJournal) -> None:
        """Go on with the story of this machine, which deployed alone until now. Idempotent."""
        self.files.send()
        for record in journal.records():
            overwrite(self._shelf, f"row.{record.number}", pack(row_said((record, journal.moves(record)))))
        overwrite(self._shelf, "marks.marks", pack(marks_said(journal)))

    def _last_scope(self) -> Identity:
        """Return where the newest deployment went."""
        rows = {int(name): said for name, entry in self._shelf.read("row").items() if (said := unpack(entry))}
        if not rows:
            return Identity("", "")
        record = rows[max(rows)]["record"]
        return Identity(record["engine"], record["project"])


def shelf_name(app: str, target: str | None) -> str:
    """Return the name of an app's shelf: its own among all names, and short enough for what a swarm gives names to."""
    whole = f"{app}/{target}" if target else app
    return f"deploykit.{app[:24]}.{sha256(whole.encode()).hexdigest()[:8]}"


def _place(folder: Path) -> str | None:
    """Return a name that no other folder has, on any machine or after a reboot; None when there is none to be had."""
    try:
        there = folder.stat()
        return f"{boot()}:{there.st_dev}:{there.st_ino}"
    except OSError:
        return None
