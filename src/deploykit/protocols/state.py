"""What is remembered between runs: the journal, the tag file, the files and logs of releases, and the store of all."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from deploykit.protocols.backend import Identity
from deploykit.protocols.lock import HoldBoard, Lock
from deploykit.record import Move, Record, TagMemory
from deploykit.release import Snapshot


class Journal(Protocol):
    """The journal of one state store, for one project on one engine: only their deployments count.

    Every writing call is one transaction, on the disk when it returns; it raises JournalError when it cannot be. The
    reading ones raise ConfigError when it is damaged.
    """

    def close(self) -> None:
        """Close the file."""

    def begin(self, record: Record, first: int = 1) -> Record:
        """Write a new deployment and return it with its number, which is `first` at least, and never used twice."""
        ...

    def update(self, record: Record, move: Move | None = None) -> None:
        """Write what a deployment has come to, and, with it, the move that it made."""

    def discard(self, record: Record) -> None:
        """Take a deployment out again that turned out to be refused. Its number is not given again."""

    def reserve(self) -> None:
        """Make room on the disk now for what one deployment still has to write."""

    def unfinished(self) -> Record | None:
        """Return the deployment that has not ended, if there is one."""

    def last(self) -> Record | None:
        """Return the newest deployment."""

    def get(self, number: int) -> Record | None:
        """Return the deployment of that number."""

    def ended(self) -> Iterator[Record]:
        """Yield every deployment that has ended, oldest first."""
        ...

    def records(self) -> Iterator[Record]:
        """Yield every deployment, newest first."""
        ...

    def moves(self, record: Record) -> Sequence[Move]:
        """Return the moves of a deployment, in order."""
        ...

    def tag_notes(self) -> TagMemory:
        """Return the tag file's note and the one before it; `content` is None."""
        ...

    def note_tag(self, memory: TagMemory) -> None:
        """Keep the tag file's note and the one before it."""

    def protected(self) -> frozenset[str]:
        """Return the ids of the releases that are protected against `prune`."""
        ...

    def protect(self, release_id: str, *, on: bool) -> None:
        """Protect a release, or no longer. Idempotent."""


class TagText(Protocol):
    """Where the text of the tag file is; `name` is how messages call it."""

    name: str

    def read(self) -> str | None:
        """Return its text without white space around it; None when there is no file, or nothing in it."""

    def write(self, text: str | None) -> None:
        """Replace the text as one; None removes the file."""


class ReleaseFiles(Protocol):
    """Where the files of releases are kept, by release id."""

    def keep(self, release_id: str, snapshot: Snapshot) -> None:
        """Keep them, for their owner alone. Idempotent; what is there under that id is replaced as one."""

    def read(self, release_id: str) -> Snapshot:
        """Return them; raises StepFailed when they are not there."""
        ...

    def discard(self, release_id: str) -> None:
        """Forget them, if they are there."""

    def highest(self) -> int:
        """Return the highest deployment number that left files, 0 for none."""
        ...


class FailureLogs(Protocol):
    """Where the logs of what failed are kept, by the deployment's id; redacted, at most 1 MiB each."""

    def keep(self, deployment: str, text: str) -> None:
        """Keep a log, for its owner alone, in place of one that is there. Never raises: nothing depends on it."""

    def read(self, deployment: str) -> str | None:
        """Return it; None when there is none."""

    def discard(self, deployment: str) -> None:
        """Forget it, if it is there."""


class StateStore(Protocol):
    """What deploykit remembers between runs."""

    @property
    def lock(self) -> Lock:
        """The lock that a deployment holds while it runs."""
        ...

    @property
    def files(self) -> ReleaseFiles:
        """The files of releases."""
        ...

    @property
    def tag_text(self) -> TagText:
        """The tag file."""
        ...

    @property
    def folder(self) -> Path | None:
        """The folder that all of it is kept in; None when it is in none."""

    @property
    def logs(self) -> FailureLogs:
        """The logs of what failed."""
        ...

    @property
    def hold(self) -> HoldBoard:
        """The hold of an operator."""
        ...

    def prepare(self) -> None:
        """Make it usable; raises ConfigError when it is not."""

    def journal(self, identity: Identity) -> Journal:
        """Open the journal for writing; raises ConfigError."""
        ...

    def journal_to_read(self, identity: Identity | None) -> Journal:
        """Open the journal for reading alone; without an identity, that of the newest deployment.

        Raises:
            ConfigError: it cannot be read.
        """
        ...
