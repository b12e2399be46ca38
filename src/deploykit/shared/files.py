"""What releases and failures leave, kept on a shelf: the files that a release is run with, the logs of what failed."""

from base64 import b64decode, b64encode
from contextlib import suppress
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import Any

from deploykit.errors import ConfigError, DeploykitError, StepFailed
from deploykit.protocols import Hold, HoldBoard, Shelf
from deploykit.release import Snapshot
from deploykit.shared.packing import overwrite, pack, unpack
from deploykit.store import LogFolder, ReleaseFolders

_HOLD = "hold.hold"
_LOG = 256 * 1024
"""Characters of a log that are kept for other machines; all of it is kept on the one where it failed."""


class SharedFiles:
    """The files of releases: in folders of this machine, where the backend runs them from, and on the shelf."""

    def __init__(self, folders: ReleaseFolders, shelf: Shelf) -> None:
        self._folders = folders
        self._shelf = shelf

    def fetch(self) -> None:
        """Bring here what other machines have kept since."""
        for release_id, entry in self._shelf.read("files").items():
            self._folders.keep(release_id, unpack(entry, _snapshot))

    def send(self) -> None:
        """Put what this machine alone has on the shelf."""
        for release_id in self._folders.all():
            self._send(release_id, self._folders.read(release_id))

    def keep(self, release_id: str, snapshot: Snapshot) -> None:
        self._send(release_id, snapshot)
        self._folders.keep(release_id, snapshot)

    def read(self, release_id: str) -> Snapshot:
        try:
            return self._folders.read(release_id)
        except StepFailed:
            entry = self._shelf.get(f"files.{release_id}")
            if entry is None:
                raise
            return unpack(entry, _snapshot)

    def discard(self, release_id: str) -> None:
        if entry := self._shelf.get(f"files.{release_id}"):
            self._shelf.remove(entry)
        self._folders.discard(release_id)

    def highest(self) -> int:
        return self._folders.highest()

    def _send(self, release_id: str, snapshot: Snapshot) -> None:
        said = {name: b64encode(content).decode() for name, content in snapshot.files.items()}
        overwrite(self._shelf, f"files.{release_id}", pack(said))


def _snapshot(said: dict[str, str]) -> Snapshot:
    return Snapshot({_inside(name): b64decode(content) for name, content in said.items()})


def _inside(name: str) -> str:
    """Return the name of a file; raise ValueError for one outside the folder of its release."""
    # Whoever may use the engine could have written it, and is not to write where he likes on this machine.
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.name:
        msg = f"{name!r} is no file of a release"
        raise ValueError(msg)
    return name


class SharedLogs:
    """The logs of what failed: those of this machine in its folder, the end of each on the shelf."""

    def __init__(self, folder: LogFolder, shelf: Shelf) -> None:
        self._folder = folder
        self._shelf = shelf

    def keep(self, deployment: str, text: str) -> None:
        self._folder.keep(deployment, text)
        with suppress(DeploykitError):
            overwrite(self._shelf, f"log.{deployment}", pack(text[-_LOG:]))

    def read(self, deployment: str) -> str | None:
        here = self._folder.read(deployment)
        if here is not None:
            return here
        entry = self._shelf.get(f"log.{deployment}")
        return None if entry is None else unpack(entry, str)

    def discard(self, deployment: str) -> None:
        self._folder.discard(deployment)
        with suppress(DeploykitError):
            if entry := self._shelf.get(f"log.{deployment}"):
                self._shelf.remove(entry)


class SharedHold(HoldBoard):
    """The hold of an operator, for every machine. One that cannot be read holds too, as in a folder."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def read(self) -> Hold | None:
        entry = self._shelf.get(_HOLD)
        try:
            return unpack(entry, _hold) if entry else None
        except ConfigError as error:
            return Hold(str(error), "unknown", 0.0)

    def put(self, hold: Hold) -> None:
        overwrite(self._shelf, _HOLD, pack(asdict(hold)))

    def lift(self) -> Hold | None:
        found = self.read()
        if found:
            overwrite(self._shelf, _HOLD, pack(None))
        return found


def _hold(said: dict[str, Any] | None) -> Hold | None:
    return Hold(**said) if said else None
