"""Where things are: the folders of releases, and the backend's own."""

import os
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deploykit.disk import write_private
from deploykit.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Folders:
    """`base` is what the folders of releases are told from; `home` is the backend's own, in the state folder."""

    base: Path
    home: Path

    @classmethod
    def of(cls, base: Path, state: Path) -> "Folders":
        """Return them as absolute paths without `..`: the shims have no folder to tell them from."""
        return cls(Path(os.path.normpath(base.absolute())), Path(os.path.normpath(state.absolute())) / "process")

    def release(self, directory: str) -> Path:
        """Return the folder of a release, by its name in the configuration.

        Raises:
            ConfigError: it leaves `base` without saying so, or its content could never stay the same.
        """
        folder = Path(os.path.normpath(self.base / directory))
        if not Path(directory).is_absolute() and self.base not in folder.parents:
            msg = f"backend.directory: {directory} is not below {self.base}"
            raise ConfigError(msg, hint="Write it as an absolute path, if it is meant.")
        if self.home.is_relative_to(folder):
            msg = f"backend.directory: {folder} holds the state folder, which changes with every deployment"
            raise ConfigError(msg, hint="Give every release a folder of its own, such as releases/{tag}.")
        return folder

    def make_home(self) -> Path:
        """Return the backend's own folder, made for its owner alone if it was not there."""
        for folder in (self.home, self.home / "images", self.home / "instances", self.home / "logs"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.home

    def engine_id(self) -> str:
        """Return the lasting id of what runs here, made at its first use."""
        path = self.make_home() / "engine-id"
        if not path.exists():
            fresh = path.with_name(f".engine-id.{uuid.uuid4().hex}")
            write_private(fresh, uuid.uuid4().hex.encode())
            with suppress(FileExistsError):  # somebody else was first: then theirs it is
                path.hardlink_to(fresh)
            fresh.unlink()
        return path.read_text()
