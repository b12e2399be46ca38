"""The content of a folder: its digest, and a copy of it.

Content is: the relative paths; what is a folder, a file (executable or not) or a link; the links' targets; the files'
bytes. Sockets, pipes and devices are none.
"""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

_CHUNK = 1 << 20

Check = Callable[[], None]
"""Called again and again, so that a long step can be cut."""


def walk(folder: Path) -> Iterator[Path]:
    """Yield everything below the folder that is content, always in the same order, folders before what is in them."""
    for path in sorted(folder.iterdir(), key=lambda one: os.fsencode(one.name)):
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            yield path
            yield from walk(path)
        elif stat.S_ISREG(mode) or stat.S_ISLNK(mode):
            yield path


def digest(folder: Path, check: Check) -> str:
    """Return the SHA-256 of the folder's content, in hexadecimal."""
    whole = hashlib.sha256()
    for path in walk(folder):
        check()
        # NUL cannot be in a path, and what follows it has a fixed length or ends at the next: no two contents collide.
        whole.update(_kind(path) + os.fsencode(path.relative_to(folder)) + b"\0")
        whole.update(_bytes_of(path, folder, check) + b"\0")
    return whole.hexdigest()


def copy(folder: Path, to: Path, check: Check) -> None:
    """Copy the folder's content, through to the disk, with modes and times; `to` must not exist."""
    to.mkdir(mode=0o700)
    for path in walk(folder):
        check()
        target = to / path.relative_to(folder)
        if path.is_symlink():
            target.symlink_to(_target(path, folder))
        elif path.is_dir():
            target.mkdir(mode=stat.S_IMODE(path.stat().st_mode) & 0o777 | 0o700)
        else:
            _copy_file(path, target, check)


def _kind(path: Path) -> bytes:
    mode = path.lstat().st_mode
    if stat.S_ISREG(mode):
        return b"x" if mode & stat.S_IXUSR else b"f"
    return b"d" if stat.S_ISDIR(mode) else b"l"


def _bytes_of(path: Path, folder: Path, check: Check) -> bytes:
    if path.is_symlink():
        return os.fsencode(_target(path, folder))
    return b"" if path.is_dir() else _file_digest(path, check)


def _target(link: Path, folder: Path) -> str:
    """Return where a link points: from the root when it leaves the folder, for the copy lies elsewhere."""
    target = link.readlink()
    leads_to = Path(os.path.normpath(link.parent / target))
    inside = leads_to.is_relative_to(folder) and not target.is_absolute()
    return str(target if inside else leads_to)


def _file_digest(path: Path, check: Check) -> bytes:
    whole = hashlib.sha256()
    for chunk in _chunks(path, check):
        whole.update(chunk)
    return whole.digest()


def _copy_file(path: Path, to: Path, check: Check) -> None:
    found = path.stat()
    descriptor = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for chunk in _chunks(path, check):
            file.write(chunk)
        file.flush()
        os.fchmod(file.fileno(), stat.S_IMODE(found.st_mode) & 0o777 | 0o600)
        # Compiled Python files beside their sources are good for as long as the source's time is what it was.
        os.utime(file.fileno(), ns=(found.st_atime_ns, found.st_mtime_ns))
        os.fsync(file.fileno())


def _chunks(path: Path, check: Check) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            check()
            yield chunk
