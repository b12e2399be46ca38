"""The state folder `.deploykit`: who may use it, and the files of releases in it."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from deploykit.disk import (
    check_state_folder,
    give_to_group,
    make_private_folder,
    replace_file,
    sync_folder,
    write_private,
)
from deploykit.errors import ConfigError, StepFailed
from deploykit.hold import HoldFile
from deploykit.journal import SqliteJournal, last_scope, open_journal, read_journal
from deploykit.lock import FileLock
from deploykit.protocols import Clock, Identity
from deploykit.release import RELEASE_ID, Snapshot
from deploykit.tagfile import TagOnDisk


def open_state_folder(folder: Path, group: str | None = None) -> Path:
    """Return the state folder, made for its owner alone, or for a group, if it was not there.

    Raises:
        ConfigError: it cannot be made or written to; names its owner and how to mend it.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        msg = f"the state folder {folder} cannot be made: {error.strerror}"
        raise ConfigError(msg, hint="Make it by hand for the user who deploys, or set [state] dir.") from error
    check_state_folder(folder, os.R_OK | os.W_OK | os.X_OK)
    if group is not None:
        give_to_group(folder, group)
    return folder


class StateFolder:
    """What deploykit remembers between runs: the journal, the lock, the files of releases, and the tag file.

    With a `group` all of its members may use it.
    """

    def __init__(self, path: Path, tag_file: Path, clock: Clock, group: str | None = None) -> None:
        self.path = path
        self._group = group
        self.lock: FileLock = FileLock(path / "lock", clock)
        self.files: ReleaseFolders = ReleaseFolders.of(path)
        self.tag_text: TagOnDisk = TagOnDisk(tag_file)
        self.hold: HoldFile = HoldFile(path / "hold")
        self.logs: LogFolder = LogFolder(path / "logs")

    @property
    def folder(self) -> Path:
        return self.path

    def prepare(self) -> None:
        open_state_folder(self.path, self._group)

    def journal(self, identity: Identity) -> SqliteJournal:
        return open_journal(self.path / "journal.db", identity.engine, identity.project)

    def journal_to_read(self, identity: Identity | None) -> SqliteJournal:
        path = self.path / "journal.db"
        check_state_folder(self.path, os.R_OK | os.X_OK)
        engine, project = (identity.engine, identity.project) if identity else last_scope(path) or ("", "")
        return read_journal(path, engine, project)


class LogFolder:
    """The logs of what failed: a file each."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def keep(self, deployment: str, text: str) -> None:
        with suppress(OSError):
            replace_file(self._path(deployment), text.encode(errors="replace"))

    def read(self, deployment: str) -> str | None:
        try:
            return self._path(deployment).read_text(errors="replace")
        except OSError:
            return None

    def discard(self, deployment: str) -> None:
        with suppress(OSError):
            self._path(deployment).unlink()

    def _path(self, deployment: str) -> Path:
        if not RELEASE_ID.fullmatch(deployment):
            msg = f"not a deployment's id: {deployment!r}"
            raise ConfigError(msg)
        return self._root / f"{deployment}.log"


class ReleaseFolders:
    """Files of releases: a folder each, for its owner alone, since env files hold secrets."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def of(cls, state: Path) -> "ReleaseFolders":
        """Return those of a state folder."""
        return cls(state / "releases")

    def folder(self, release_id: str) -> Path:
        """Return where the files of that release are kept."""
        if not RELEASE_ID.fullmatch(release_id):
            msg = f"not a release id: {release_id!r}"
            raise ConfigError(msg)
        return self.root / release_id

    def keep(self, release_id: str, snapshot: Snapshot) -> None:
        final = self.folder(release_id)
        if final.is_dir() and self.read(release_id) == snapshot:
            return  # there is no moment without the files of what serves
        fresh = final.with_name(f".{release_id}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        make_private_folder(fresh)
        for name, content in snapshot.files.items():
            write_private(fresh / name, content)
        shutil.rmtree(final, ignore_errors=True)
        fresh.rename(final)
        sync_folder(self.root)

    def read(self, release_id: str) -> Snapshot:
        folder = self.folder(release_id)
        if not folder.is_dir():
            msg = f"the files of release {release_id} are gone from {folder}"
            raise StepFailed(msg, hint="Roll back with --files current, which takes today's files.")
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        return Snapshot({path.relative_to(folder).as_posix(): path.read_bytes() for path in files})

    def discard(self, release_id: str) -> None:
        shutil.rmtree(self.folder(release_id), ignore_errors=True)

    def newest(self) -> str | None:
        """Return the id of the newest release that left files here."""
        return max(self.all(), key=_number, default=None)

    def all(self) -> list[str]:
        """Return the ids of the releases that left files here."""
        names = [path.name for path in self.root.iterdir()] if self.root.is_dir() else []
        return [name for name in names if RELEASE_ID.fullmatch(name)]

    def highest(self) -> int:
        """Return the highest deployment number that left files here, 0 for none."""
        newest = self.newest()
        return _number(newest) if newest else 0


def _number(release_id: str) -> int:
    return int(release_id.strip("ra"))
