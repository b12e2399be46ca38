"""The content of releases that are folders, by digest, whatever becomes of the folders that it came from."""

import fcntl
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploykit.disk import make_private_folder, replace_file
from deploykit.errors import PullFailed
from deploykit.interrupt import Interruption
from deploykit.plugins import tree
from deploykit.release import ImageRef

_NAMES = "image.json"
_INCOMING = ".incoming-"
_POLL = 0.05


@dataclass(frozen=True, slots=True)
class FolderStore:
    """The contents that an app's releases have had, below `root`, which may serve several apps.

    For backends whose releases are folders. A kill at any moment leaves whole contents only.
    """

    root: Path
    app: str

    def content(self, digest: str) -> Path:
        """Return where the content of that digest is, or would be."""
        return self.root / digest.removeprefix("sha256:") / "content"

    def find(self, image: ImageRef) -> ImageRef | None:
        """Return it, pinned, when it is here: by its content when it names one, else by name."""
        wanted = image.id or image.digest
        if wanted:
            return pinned(image, wanted) if self.content(wanted).is_dir() else None
        return next((one for one in self.images() if one.name == image.name), None)

    def images(self) -> list[ImageRef]:
        """Return every content of the app with each of its names, those named last first."""
        named = [(one, path.parent.name) for path in self.root.glob(f"*/{_NAMES}") for one in _names(path)]
        named.sort(key=lambda pair: pair[0]["at"], reverse=True)
        return [
            pinned(ImageRef(one["repository"], one["tag"]), f"sha256:{digest}")
            for one, digest in named
            if one["app"] == self.app
        ]

    def add(self, folder: Path, image: ImageRef, interruption: Interruption) -> ImageRef:
        """Bring the folder's content in under the image's name.

        Raises:
            PullFailed: it is not the content that the image names, or changed meanwhile.
            Interrupted: told to stop.
        """
        with self._alone(interruption):
            digest = tree.digest(folder, interruption.check)
            came = pinned(image, f"sha256:{digest}")
            if (image.id or image.digest or came.id) != came.id:
                msg = f"{folder} does not hold what {image.name} was: its content is {came.id}"
                raise PullFailed(msg, hint="Restore the folder, or deploy it as it is under a tag of its own.")
            if not self.content(digest).is_dir():
                self._bring(folder, digest, interruption)
            self._name(came)
            return came

    def discard(self, digest: str, interruption: Interruption) -> bool:
        """Forget the app's names of a content, and the content when no other app names it; whether it was here."""
        folder = self.content(digest).parent
        if not folder.is_dir():
            return False
        with self._alone(interruption):
            others = [one for one in _names(folder / _NAMES) if one["app"] != self.app]
            if others:
                replace_file(folder / _NAMES, json.dumps(others).encode())
            else:
                gone = Path(tempfile.mkdtemp(prefix=_INCOMING, dir=self.root))
                folder.rename(gone / "content")  # a half-removed content would be taken for a whole one
                shutil.rmtree(gone, ignore_errors=True)
        return True

    def _bring(self, folder: Path, digest: str, interruption: Interruption) -> None:
        incoming = Path(tempfile.mkdtemp(prefix=_INCOMING, dir=self.root))
        try:
            tree.copy(folder, incoming / "content", interruption.check)
            if tree.digest(incoming / "content", interruption.check) != digest:
                msg = f"{folder} changed while it was being copied"
                raise PullFailed(msg, hint="Deploy when the folder is complete.")
            incoming.rename(self.root / digest)
        finally:
            shutil.rmtree(incoming, ignore_errors=True)

    def _name(self, image: ImageRef) -> None:
        assert image.id  # noqa: S101 - it is pinned
        path = self.content(image.id).with_name(_NAMES)
        name = {"app": self.app, "repository": image.repository, "tag": image.tag}
        others = [one for one in _names(path) if {**one, **name} != one]
        replace_file(path, json.dumps([*others, {**name, "at": time.time()}]).encode())

    @contextmanager
    def _alone(self, interruption: Interruption) -> Iterator[None]:
        """Let nobody else write, and clear away what one that was killed has left."""
        make_private_folder(self.root)
        descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            while not _try(descriptor):
                interruption.check()
                interruption.event.wait(_POLL)
            for stale in self.root.glob(f"{_INCOMING}*"):
                shutil.rmtree(stale, ignore_errors=True)
            yield
        finally:
            os.close(descriptor)


def pinned(image: ImageRef, digest: str) -> ImageRef:
    """Return the image pinned to that content: a folder's digest is its id too."""
    return ImageRef(image.repository, image.tag, digest, digest)


def _names(path: Path) -> list[dict[str, Any]]:
    try:
        names: list[dict[str, Any]] = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return []
    return names


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
