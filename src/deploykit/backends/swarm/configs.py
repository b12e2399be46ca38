"""A shelf in a swarm: entries are labels of configs that no service uses, changed by the swarm's own compare-and-swap.

The swarm changes a config only for who names the version that it has: its managers agree on that.
"""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from deploykit.backends.engine.door import Reply
from deploykit.backends.engine.shelves import KEY, KIND, SHELF, check_size, entry_of, labels_of
from deploykit.backends.engine.wire import Wire
from deploykit.backends.swarm.cluster import no_manager
from deploykit.errors import ConfigError
from deploykit.protocols import Entry

_DATA = b64encode(b"What deploykit keeps is in the labels.\n").decode()
"""A config must have some, and it can never be changed."""


@dataclass(frozen=True, slots=True)
class ConfigShelf:
    """The shelf `name`. Its configs are `NAME.KEY`. A version is the config's id and its index."""

    name: str
    wire: Wire

    def read(self, kind: str) -> Mapping[str, Entry]:
        found = self._entries({SHELF: self.name, KIND: kind})
        return {one.key.partition(".")[2]: one for one in found}

    def get(self, key: str) -> Entry | None:
        return next(iter(self._entries({SHELF: self.name, KEY: key})), None)

    def put(self, key: str, content: bytes, before: Entry | None) -> Entry | None:
        check_size(key, content)
        reply = self._changed(key, content, before) if before else self._made(key, content)
        if not reply.ok and not _overtaken(reply):
            raise _refused(reply, "write")
        there = self.get(key)
        return there if there and there.content == content else None

    def remove(self, entry: Entry) -> None:
        if there := self.get(entry.key):
            reply = self.wire.ask("DELETE", f"/configs/{_id(there)}")
            if not reply.ok and reply.status != 404:
                raise _refused(reply, "remove")

    def _made(self, key: str, content: bytes) -> Reply:
        return self.wire.ask("POST", "/configs/create", self._spec(key, content))

    def _changed(self, key: str, content: bytes, before: Entry) -> Reply:
        named, _, index = before.version.partition(":")
        target = f"/configs/{quote(named)}/update?{urlencode({'version': index})}"
        return self.wire.ask("POST", target, self._spec(key, content))

    def _spec(self, key: str, content: bytes) -> dict[str, object]:
        return {"Name": f"{self.name}.{key}", "Labels": labels_of(self.name, key, content), "Data": _DATA}

    def _entries(self, labels: Mapping[str, str]) -> list[Entry]:
        filters = json.dumps({"label": [f"{name}={value}" for name, value in labels.items()]})
        reply = self.wire.ask("GET", f"/configs?{urlencode({'filters': filters})}")
        if not reply.ok:
            raise _refused(reply, "read")
        return reply.read(_configs)


def _configs(said: Any, now: float) -> list[Entry]:
    return [_entry(one, now) for one in said or []]


def _entry(said: Any, now: float) -> Entry:
    version = f"{said['ID']}:{said['Version']['Index']}"
    return entry_of(said["Spec"]["Labels"], version, said["UpdatedAt"], now)


def _id(entry: Entry) -> str:
    return quote(entry.version.partition(":")[0])


def _overtaken(reply: Reply) -> bool:
    """Whether another made, changed or removed it since."""
    return reply.status in {404, 409} or "out of sequence" in reply.message


def _refused(reply: Reply, doing: str) -> Exception:
    return no_manager(reply.message) or ConfigError(f"the swarm does not {doing} what is kept with it: {reply.message}")
