"""How what is remembered stands on a shelf: JSON, packed."""

import json
import zlib
from collections.abc import Callable
from typing import Any, TypeVar

from deploykit.errors import ConfigError
from deploykit.protocols import Entry, Shelf

T = TypeVar("T")

VERSION = 1
_TRIES = 5
_WHERE = "`docker volume ls`, on a swarm `docker config ls`, shows it: its name begins with deploykit."


def pack(said: object) -> bytes:
    """Return a value as it stands on a shelf. The same value is always the same bytes."""
    return zlib.compress(json.dumps({"version": VERSION, "said": said}, sort_keys=True).encode())


def unpack(entry: Entry, read: Callable[[Any], T]) -> T:
    """Return what `read` makes of the value of an entry.

    Raises:
        ConfigError: it is damaged, or was written by a newer deploykit.
    """
    try:
        found = json.loads(zlib.decompress(entry.content))
        version, said = int(found["version"]), found["said"]
        if version <= VERSION:
            return read(said)
    except (zlib.error, LookupError, TypeError, ValueError, AttributeError) as error:
        msg = f"{entry.key}, which is kept with the engine, cannot be read: {error}"
        raise ConfigError(msg, hint=f"{_WHERE} Remove it: what serves is adopted by the next run.") from error
    msg = f"{entry.key} was kept with the engine by a newer deploykit (version {version}; this one knows {VERSION})"
    raise ConfigError(msg, hint="Deploy with the newer deploykit.")


def overwrite(shelf: Shelf, key: str, content: bytes) -> None:
    """See to it that content is under a key: who has the lock changes it alone, or the last one counts."""
    for _ in range(_TRIES):
        there = shelf.get(key)
        if (there and there.content == content) or shelf.put(key, content, there):
            return
    raise ConfigError(f"{key} is changed by others all the time", hint="Try again.")
