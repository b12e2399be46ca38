"""A shelf on one engine: entries are labels of empty volumes, which neither containers nor their images use.

A volume never changes, so each content of an entry is a volume of its own, numbered on. That the engine makes a volume
once, and shows who comes later the one that is there, is the compare-and-swap.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from deploykit.backends.engine.containers import seconds_of
from deploykit.backends.engine.shelves import CONTENT, KEY, KIND, SHELF, check_size
from deploykit.backends.engine.wire import Reply, Wire
from deploykit.errors import ConfigError
from deploykit.protocols import Entry

_VERSION = "deploykit.version"


@dataclass(frozen=True, slots=True)
class VolumeShelf:
    """The shelf `name`. Its volumes are `NAME.KEY.VERSION`."""

    name: str
    wire: Wire

    def read(self, kind: str) -> Mapping[str, Entry]:
        newest: dict[str, Entry] = {}
        for entry in sorted(self._entries({SHELF: self.name, KIND: kind}), key=_number):
            newest[entry.key.partition(".")[2]] = entry
        return newest

    def put(self, key: str, content: bytes, before: Entry | None) -> Entry | None:
        check_size(key, content)
        self._make(Entry(key, content, str(_number(before) + 1 if before else 1)))
        # One that was there first stays as it was; and a number is free again when what had it was followed by others.
        versions = sorted(self._versions(key), key=_number)
        for one in versions[:-1]:
            self._remove(one)
        return next((one for one in versions[-1:] if one.content == content), None)

    def remove(self, entry: Entry) -> None:
        for one in self._versions(entry.key):
            self._remove(one)

    def _versions(self, key: str) -> Iterable[Entry]:
        return self._entries({SHELF: self.name, KEY: key})

    def _entries(self, labels: Mapping[str, str]) -> list[Entry]:
        filters = json.dumps({"label": [f"{name}={value}" for name, value in labels.items()]})
        reply = _expect(self.wire.ask("GET", f"/volumes?{urlencode({'filters': filters})}"), "read")
        return [_entry(one, reply.at) for one in reply.said["Volumes"] or []]

    def _make(self, entry: Entry) -> None:
        labels = {
            SHELF: self.name,
            KIND: entry.key.partition(".")[0],
            KEY: entry.key,
            _VERSION: entry.version,
            CONTENT: b64encode(entry.content).decode(),
        }
        body = {"Name": self._volume(entry), "Driver": "local", "Labels": labels}
        _expect(self.wire.ask("POST", "/volumes/create", body), "write")

    def _remove(self, entry: Entry) -> None:
        reply = self.wire.ask("DELETE", f"/volumes/{quote(self._volume(entry))}")
        if reply.status != 404:
            _expect(reply, "remove")

    def _volume(self, entry: Entry) -> str:
        return f"{self.name}.{entry.key}.{entry.version}"


def _number(entry: Entry) -> int:
    return int(entry.version)


def _entry(said: Mapping[str, Any], now: float) -> Entry:
    labels = said["Labels"]
    age = max(0.0, now - (seconds_of(said["CreatedAt"]) or now))
    return Entry(labels[KEY], b64decode(labels[CONTENT]), labels[_VERSION], age)


def _expect(reply: Reply, doing: str) -> Reply:
    if not reply.ok:
        raise ConfigError(f"the engine does not {doing} what is kept with it: {reply.message}")
    return reply
