"""A shelf on one engine: entries are labels of empty volumes, which neither containers nor their images use.

A volume never changes, so each content of an entry is a volume of its own, numbered on. That the engine makes a volume
once, and shows who comes later the one that is there, is the compare-and-swap.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from deploykit.backends.engine.door import Reply
from deploykit.backends.engine.shelves import KEY, KIND, SHELF, check_size, entry_of, labels_of
from deploykit.backends.engine.wire import Wire
from deploykit.errors import ConfigError
from deploykit.protocols import Entry

_VERSION = "deploykit.version"


@dataclass(frozen=True, slots=True)
class VolumeShelf:
    """The shelf `name`. Its volumes are `NAME.KEY.VERSION`."""

    name: str
    wire: Wire

    def read(self, kind: str) -> Mapping[str, Entry]:
        return {one.key.partition(".")[2]: one for one in self._entries({SHELF: self.name, KIND: kind})}

    def get(self, key: str) -> Entry | None:
        return next(reversed(self._versions(key)), None)

    def put(self, key: str, content: bytes, before: Entry | None) -> Entry | None:
        check_size(key, content)
        number = _number(before) + 1 if before else 1
        self._make(key, content, number)
        # One that was there first stays as it was; and a number is free again when what had it was followed by others.
        versions = self._versions(key)
        if unseen := _unseen(versions, number, before):
            self._remove(unseen)
            return None
        for one in versions[:-1]:
            self._remove(one)
        return next((one for one in versions[-1:] if one.content == content), None)

    def remove(self, entry: Entry) -> None:
        for one in self._versions(entry.key):
            self._remove(one)

    def _versions(self, key: str) -> list[Entry]:
        return self._entries({SHELF: self.name, KEY: key})

    def _entries(self, labels: Mapping[str, str]) -> list[Entry]:
        """Return what has these labels, older versions first."""
        filters = json.dumps({"label": [f"{name}={value}" for name, value in labels.items()]})
        reply = _expect(self.wire.ask("GET", f"/volumes?{urlencode({'filters': filters})}"), "read")
        return sorted(reply.read(_volumes), key=_number)

    def _make(self, key: str, content: bytes, number: int) -> None:
        labels = {**labels_of(self.name, key, content), _VERSION: str(number)}
        body = {"Name": self._volume(key, number), "Driver": "local", "Labels": labels}
        _expect(self.wire.ask("POST", "/volumes/create", body), "write")

    def _remove(self, entry: Entry) -> None:
        reply = self.wire.ask("DELETE", f"/volumes/{quote(self._volume(entry.key, _number(entry)))}")
        if reply.status != 404:
            _expect(reply, "remove")

    def _volume(self, key: str, number: int) -> str:
        return f"{self.name}.{key}.{number}"


def _unseen(versions: list[Entry], number: int, before: Entry | None) -> Entry | None:
    """Return what was just made under that number, if it came to stand on something else than `before`.

    When volumes are removed by hand, others begin with the first number again.
    """
    if len(versions) < 2 or _number(versions[-1]) != number:
        return None
    below, made = versions[-2:]
    return None if before and _said(below) == _said(before) else made


def _said(entry: Entry) -> tuple[str, bytes]:
    return entry.version, entry.content


def _number(entry: Entry) -> int:
    return int(entry.version)


def _volumes(said: Any, now: float) -> list[Entry]:
    return [_entry(one, now) for one in said["Volumes"] or []]


def _entry(said: Any, now: float) -> Entry:
    labels = said["Labels"]
    return entry_of(labels, int(labels[_VERSION]), said["CreatedAt"], now)


def _expect(reply: Reply, doing: str) -> Reply:
    if not reply.ok:
        raise ConfigError(f"the engine does not {doing} what is kept with it: {reply.message}")
    return reply
