"""How what is remembered stands on a shelf: JSON, packed."""

import json
import zlib
from typing import Any

from deploykit.errors import ConfigError
from deploykit.protocols import Entry, Shelf

VERSION = 1
_TRIES = 5


def pack(said: object) -> bytes:
    """Return a value as it stands on a shelf. The same value is always the same bytes."""
    return zlib.compress(json.dumps({"version": VERSION, "said": said}, sort_keys=True).encode())


def unpack(entry: Entry) -> Any:
    """Return the value of an entry.

    Raises:
        ConfigError: it is damaged, or was written by a newer deploykit.
    """
    try:
        found = json.loads(zlib.decompress(entry.content))
        version, said = found["version"], found["said"]
    except (zlib.error, ValueError, LookupError, TypeError) as error:
        msg = f"{entry.key}, which is kept with the engine, cannot be read: {error}"
        raise ConfigError(
            msg, hint="What serves is read from the engine: remove what is damaged, and run again."
        ) from error
    if version > VERSION:
        msg = f"{entry.key} was kept with the engine by a newer deploykit (version {version}; this one knows {VERSION})"
        raise ConfigError(msg, hint="Deploy with the newer deploykit.")
    return said


def overwrite(shelf: Shelf, key: str, content: bytes) -> None:
    """Put content under a key whatever is there: who has the lock changes it alone, or the last one counts."""
    kind, _, name = key.partition(".")
    for _ in range(_TRIES):
        if shelf.put(key, content, shelf.read(kind).get(name)):
            return
    raise ConfigError(f"{key} is changed by others all the time", hint="Try again.")
