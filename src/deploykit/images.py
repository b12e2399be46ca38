"""The versions of an app that are at hand, or in its registry, and what the journal knows of each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from deploykit.errors import ConfigError
from deploykit.protocols import Measured, Offer, Stocked
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


@dataclass(frozen=True, slots=True)
class ImageOffered:
    """An image in the registry: what the registry tells of it, and whether its content is at hand.

    `last` is the last deployment that tried this content. `moved` is the last one of its tag when that had other
    content: the tag was pushed again since.
    """

    offer: Offer
    at_hand: bool
    last: Record | None
    moved: Record | None


@dataclass(frozen=True, slots=True)
class Remote:
    """What the registry has of an app, newest first; `left_out` further tags were not looked at."""

    images: Sequence[ImageOffered]
    left_out: int


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


def images_in_registry(parts: Parts, repository: str, limit: int) -> Remote:
    """Return what the registry has, with what the journal knows of it. Changes nothing.

    Raises:
        RegistryFailed: it does not tell.
        ConfigError: this backend has no registry.
        EngineUnreachable: the runtime does not answer.
    """
    stocked = stock_of(parts)
    with parts.reading(parts.backend.identity()) as journal:
        records = [record for record in journal.records() if record.candidate]
    offers = stocked.offers(repository, limit, {tag for record in records if (tag := _image(record).tag)})
    return Remote([_offered(parts, offer, records) for offer in offers.found], offers.left_out)


def stock_of(parts: Parts) -> Stocked:
    """Return the backend as one that knows its registry; raises ConfigError when it has none."""
    if not isinstance(parts.backend, Stocked):
        raise ConfigError("this backend has no registry", hint="`deploykit images` shows what is at hand.")
    return parts.backend


def _offered(parts: Parts, offer: Offer, records: Sequence[Record]) -> ImageOffered:
    image = offer.image
    last = next((one for one in records if _same_content(_image(one), image)), None)
    tagged = next((one for one in records if _image(one).tag == image.tag), None)
    moved = tagged if image.digest and tagged and not _same_content(_image(tagged), image) else None
    at_hand = bool(image.digest) and parts.backend.find(image) is not None
    return ImageOffered(offer, at_hand, last, moved)


def _same_content(one: ImageRef, other: ImageRef) -> bool:
    return any(mine and mine == its for mine, its in ((one.digest, other.digest), (one.id, other.id)))


def _image(record: Record) -> ImageRef:
    return record.candidate.image if record.candidate else record.asked


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
