"""What both kinds of shelves share: the labels that entries are found by, and how much one may hold."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from deploykit.backends.engine.containers import seconds_of
from deploykit.errors import ConfigError
from deploykit.protocols import Entry

SHELF = "deploykit.shelf"
KIND = "deploykit.kind"
KEY = "deploykit.key"
CONTENT = "deploykit.content"
_MOST = 256 * 1024
"""Bytes of an entry: a swarm takes 500 KB in one message of its own, and what it keeps is a third longer."""


def labels_of(shelf: str, key: str, content: bytes) -> dict[str, str]:
    """Return the labels that an entry is, and is found by."""
    said = b64encode(content).decode()
    return {SHELF: shelf, KIND: key.partition(".")[0], KEY: key, CONTENT: said}


def entry_of(labels: Mapping[str, Any], version: Any, since: str | None, now: float) -> Entry:
    """Return the entry that is in labels; `since`, by Docker's words, and `now` are of one clock."""
    age = max(0.0, now - (seconds_of(since) or now))
    return Entry(labels[KEY], b64decode(labels[CONTENT]), str(version), age)


def check_size(key: str, content: bytes) -> None:
    """Raise ConfigError for more than may be kept under one key."""
    if len(content) > _MOST:
        msg = f"{key} is too big to be kept with the engine: {len(content) // 1024} KiB, packed"
        raise ConfigError(
            msg, hint=f"{_MOST // 1024} KiB are the most. Are the compose and env files of a release so big?"
        )
