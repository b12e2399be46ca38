"""Writing files so that a crash leaves the old content or the new, and nobody else reads them."""

import os
from pathlib import Path

from deploykit.errors import ConfigError


def make_private_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing, for their owner alone."""
    if not path.parent.exists():
        make_private_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)


def write_private(path: Path, content: bytes) -> None:
    """Write a file for its owner alone, through to the disk."""
    make_private_folder(path.parent)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace a file as one: a reader sees the old content or the new."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    write_private(fresh, content)
    fresh.chmod(mode)
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """See to it that names made, or replaced, in the folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def mend(path: Path) -> str:
    """Return what to do about a file or folder that cannot be used: most often it belongs to somebody else."""
    return (
        f"It belongs to {owner(path)}: deploy as that user, or give this one the folder and what is in it with chown."
    )


def owner(path: Path) -> str:
    """Return whose a file or folder is; of one that is not there, whose the folder is that it would be in."""
    there = next(one for one in (path, *path.parents) if os.path.lexists(one))
    try:
        return there.owner()
    except (KeyError, OSError):
        return f"user id {there.lstat().st_uid}"


def check_state_folder(folder: Path, mode: int) -> None:
    """Raise ConfigError, naming owner and mend, when a state folder that is there cannot be used so (`os.R_OK`…)."""
    if os.path.lexists(folder) and not os.access(folder, mode):
        msg = f"the state folder {folder} cannot be used: it belongs to {owner(folder)}"
        raise ConfigError(msg, hint=mend(folder))
