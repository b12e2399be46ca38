"""Events as JSON: one object a line."""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from deploykit.events import Event, Finished, Resumed, Started
from deploykit.protocols import Hold
from deploykit.record import Looks
from deploykit.release import ImageRef, Release
from deploykit.text import iso

_TIMES = {"at", "since", "until", "created_at", "started_at", "finished_at"}
"""Fields that are seconds since the epoch."""


class JsonObserver:
    """Hands each event to `write` as a line of JSON, without its line end.

    Where a deployment begins and where it ends it says the `target` of the config file, if there is one.
    """

    def __init__(self, write: Callable[[str], object], target: str | None = None) -> None:
        self._write = write
        self._target = target

    def __call__(self, event: Event) -> None:
        said = document(event)
        if self._target and isinstance(event, Started | Resumed | Finished):
            said["target"] = self._target
        self._write(dump(said))


def dump(value: object) -> str:
    """Return a value on one line of JSON, in ASCII: no encoding of a terminal can spoil it."""
    return json.dumps(value, allow_nan=False)


def document(event: Event) -> dict[str, Any]:
    """Return an event as an object: `event` is its name, its fields go beside it."""
    found: dict[str, Any] = {"event": event.name}
    for one in fields(event):
        value = getattr(event, one.name)
        found[one.name] = _field(one.name, value)
        if isinstance(value, ImageRef):
            found |= _pin(value)
    return found


def plain(value: object) -> object:
    """Return a value as JSON has it."""
    match value:
        case Enum():
            return value.name
        case ImageRef():
            return value.name
        case Release():
            return release_document(value)
        case Looks():
            return {"probe": value.probe, "looks": value.looks, "kinds": dict(value.kinds), "last": value.last}
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {one.name: _field(one.name, getattr(value, one.name)) for one in fields(value)}
        case Mapping():
            return {str(key): plain(one) for key, one in value.items()}
        case list() | tuple():
            return [plain(one) for one in value]
        case _:
            return value


def _field(name: str, value: object) -> object:
    return iso(value) if name in _TIMES and isinstance(value, int | float) else plain(value)


def release_document(release: Release | None) -> dict[str, Any] | None:
    """Return a release as an object, null for none."""
    return {"id": release.id or None, "image": release.image.name, **_pin(release.image)} if release else None


def hold_document(hold: Hold | None) -> dict[str, Any] | None:
    """Return an operator's hold as an object, null for none."""
    return {"why": hold.why, "by": hold.by, "since": iso(hold.since)} if hold else None


def _pin(image: ImageRef) -> dict[str, str | None]:
    return {"tag": image.tag, "digest": image.digest, "image_id": image.id}
