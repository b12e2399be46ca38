"""The versions of an app that are at hand, and what the journal knows of each."""

from collections.abc import Iterable
from dataclasses import dataclass

from deploykit.protocols import Measured
from deploykit.record import Record
from deploykit.release import ImageRef
from deploykit.session import Parts


@dataclass(frozen=True, slots=True)
class ImageAtHand:
    """An image, pinned; `size` in bytes and `created` in seconds since the epoch, where the runtime tells.

    `last` is the last deployment that tried this content; None when deploykit never did.
    """

    image: ImageRef
    size: int | None
    created: float | None
    last: Record | None


def images_at_hand(parts: Parts) -> list[ImageAtHand]:
    """Return what deploykit tried and is still here, newest first, and what else of the app the runtime keeps.

    Changes nothing; raises EngineUnreachable.
    """
    with parts.reading(parts.backend.identity()) as journal:
        tried = _tried(journal.records())
    found = [_measured(parts, image, record) for image, record in tried if parts.backend.find(image)]
    known = {image.id for image, _ in tried}
    others = (image for image in parts.backend.images() if image.id not in known)
    return [*found, *(_measured(parts, image, None) for image in others)]


def _tried(records: Iterable[Record]) -> list[tuple[ImageRef, Record]]:
    """Return each content once, with the last deployment that tried it; `records` come newest first."""
    found: dict[str | None, tuple[ImageRef, Record]] = {}
    for record in records:
        if record.candidate and record.candidate.image.id:
            found.setdefault(record.candidate.image.id, (record.candidate.image, record))
    return list(found.values())


def _measured(parts: Parts, image: ImageRef, last: Record | None) -> ImageAtHand:
    backend = parts.backend
    size, created = backend.measure(image) if isinstance(backend, Measured) else (None, None)
    return ImageAtHand(image, size, created, last)
