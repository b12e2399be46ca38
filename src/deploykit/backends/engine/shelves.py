"""What both kinds of shelves share: the labels that entries are found by, and how much one may hold."""

from deploykit.errors import ConfigError

SHELF = "deploykit.shelf"
KIND = "deploykit.kind"
KEY = "deploykit.key"
CONTENT = "deploykit.content"
_MOST = 256 * 1024
"""Bytes of an entry: a swarm takes 500 KB in one message of its own, and what it keeps is a third longer."""


def check_size(key: str, content: bytes) -> None:
    """Raise ConfigError for more than may be kept under one key."""
    if len(content) > _MOST:
        msg = f"{key} is too big to be kept with the engine: {len(content) // 1024} KiB, packed"
        raise ConfigError(
            msg, hint=f"{_MOST // 1024} KiB are the most. Are the compose and env files of a release so big?"
        )
