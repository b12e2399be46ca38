"""What the shims put on record: the instances of an app, living and dead."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deploykit.backends.process.living import Process
from deploykit.release import ImageRef, Instance, Release

KEPT = 5
"""How many instances that have exited are remembered."""
_EXIT_WAIT = 0.5
_POLL = 0.005


@dataclass(frozen=True, slots=True)
class Entry:
    """An instance as it is on record; `alive` is how it was when it was looked at."""

    id: str
    app: str
    number: int
    release: str
    fingerprint: str
    image: ImageRef
    service: str
    grace: float
    process: Process
    shim: Process
    created_at: float
    started_at: float
    finished_at: float | None = None
    exit_code: int | None = None
    alive: bool = False

    @property
    def present(self) -> bool:
        """Whether anything of it is still there: a shim clears away what a main process that has ended left."""
        return self.alive or self.shim.alive

    def of(self, release: Release) -> bool:
        """Whether it was started for that very release."""
        return (self.release, self.fingerprint) == (release.id, release.fingerprint)

    @property
    def instance(self) -> Instance:
        return Instance(
            self.id,
            self.service,
            "running" if self.alive else "exited",
            self.release,
            name=f"{self.app}-{self.release}",
            exit_code=self.exit_code,
            created_at=self.created_at,
            started_at=self.started_at,
            finished_at=self.finished_at,
            address="127.0.0.1",
        )


@dataclass(frozen=True, slots=True)
class Records:
    """The records of an app's instances, a file each, and their logs; the folder may serve several apps."""

    root: Path
    app: str

    def path(self, instance_id: str) -> Path:
        """Return where the record of that instance is."""
        return self.root / "instances" / f"{instance_id}.json"

    def log(self, instance_id: str) -> Path:
        """Return where that instance writes to."""
        return self.root / "logs" / f"{instance_id}.log"

    def all(self) -> list[Entry]:
        """Look at all of the app's instances; the newest comes first."""
        return sorted((self._look(entry) for entry in self._entries()), key=lambda entry: -entry.number)

    def of(self, release: Release) -> list[Entry]:
        """Return the newest instance of the release, and others that live; one that was replaced is none any more."""
        entries = [entry for entry in self.all() if entry.of(release)]
        return [entry for entry in entries if entry is entries[0] or entry.alive]

    def get(self, instance_id: str) -> Entry | None:
        """Look at one instance."""
        return next((entry for entry in self.all() if entry.id == instance_id), None)

    def prune(self) -> None:
        """Forget the oldest of those that have exited."""
        gone = [entry for entry in self.all() if not entry.present]
        for entry in gone[KEPT:]:
            self.forget(entry)

    def forget(self, entry: Entry) -> None:
        """Take one off the record, with its log."""
        self.log(entry.id).unlink(missing_ok=True)
        self.path(entry.id).unlink(missing_ok=True)

    def _entries(self) -> Iterator[Entry]:
        for path in self.root.glob("instances/*.json"):
            entry = _read(path)
            if entry and entry.app == self.app:
                yield entry

    def _look(self, entry: Entry) -> Entry:
        """Tell whether it lives; the shim of one that has just died is given a moment to put its exit on record."""
        deadline = time.monotonic() + _EXIT_WAIT
        while entry.finished_at is None and not entry.process.alive:
            supervised = entry.shim.alive  # before reading, for the exit may be its last word
            entry = _read(self.path(entry.id)) or entry
            if not supervised or time.monotonic() > deadline:
                return entry
            time.sleep(_POLL)
        return replace(entry, alive=entry.finished_at is None)


def _read(path: Path) -> Entry | None:
    """Return what is on record, None when it is gone or was damaged."""
    try:
        return _entry(path.stem, json.loads(path.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _entry(instance_id: str, said: dict[str, Any]) -> Entry:
    return Entry(
        instance_id,
        app=said["app"],
        number=int(said["number"]),
        release=said["release"],
        fingerprint=said["fingerprint"],
        image=ImageRef(said["repository"], said["tag"], said["digest"], said["digest"]),
        service=said["service"],
        grace=float(said["grace"]),
        process=_process(said["pid"], said["start"]),
        shim=_process(said["shim_pid"], said["shim_start"]),
        created_at=said["created_at"],
        started_at=said["started_at"],
        finished_at=said.get("finished_at"),
        exit_code=said.get("exit_code"),
    )


def _process(pid: Any, start: str) -> Process:
    if not isinstance(pid, int) or pid <= 1:
        msg = f"not the pid of an instance: {pid!r}"
        raise ValueError(msg)
    return Process(pid, start)
