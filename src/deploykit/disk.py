"""Writing files so that a crash leaves the old content or the new, and nobody else reads them.

Nobody else than the owner; in a state folder that is a group's (`[state] group`), nobody but the group: what is made in
it is like the folder that it is made in.
"""

import grp
import os
from pathlib import Path

from deploykit.errors import ConfigError

GROUPS = 0o2770
"""The mode of a folder that is a group's: what is made in it has that group."""


def give_to_group(folder: Path, group: str) -> None:
    """Let a folder, and what is in it, be a group's. Idempotent.

    Raises:
        ConfigError: there is no such group, or its owner, or this user, cannot give it away.
    """
    try:
        number = grp.getgrnam(group).gr_gid
        found = folder.stat()
        if found.st_gid == number and _is_a_groups(folder):
            return
        for path in (*folder.rglob("*"), folder):  # the folder last: its mode says that all is done
            os.chown(path, -1, number, follow_symlinks=False)
            if not path.is_symlink():
                path.chmod(GROUPS if path.is_dir() else 0o660)
    except KeyError as error:
        raise ConfigError(f"[state] group: there is no group {group!r} here") from error
    except OSError as error:
        msg = f"the state folder {folder} cannot be given to the group {group!r}: {error.strerror}"
        hint = f"Its owner, {owner(folder)}, can do that once, by any deploy, as a member of the group."
        raise ConfigError(msg, hint=hint) from error


def _is_a_groups(folder: Path) -> bool:
    return folder.stat().st_mode & GROUPS == GROUPS


def _mode_in(folder: Path) -> int:
    return 0o660 if _is_a_groups(folder) else 0o600


def open_private(path: Path, flags: int) -> int:
    """Open a file, and return its descriptor. This user's own is then for those whom its folder is for."""
    descriptor = os.open(path, flags, 0o600)
    if flags & os.O_CREAT and os.fstat(descriptor).st_uid == os.geteuid():
        os.fchmod(descriptor, _mode_in(path.parent))
    return descriptor


def make_private_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing, for their owner alone, or for the group around them."""
    if not path.parent.exists():
        make_private_folder(path.parent)
    if not path.is_dir():
        path.mkdir(mode=0o700, exist_ok=True)
        if _is_a_groups(path.parent):
            path.chmod(GROUPS)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that nobody else reads, through to the disk."""
    make_private_folder(path.parent)
    with os.fdopen(open_private(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, content: bytes, mode: int | None = None) -> None:
    """Replace a file as one: a reader sees the old content or the new. Nobody else reads it, unless a mode is said."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    write_private(fresh, content)
    if mode is not None:
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
