"""`deploykit images`."""

import argparse
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from deploykit.cli.app import opened
from deploykit.cli.output import say
from deploykit.observers.json import dump
from deploykit.text import iso, mib, one_line

if TYPE_CHECKING:
    from deploykit.images import ImageAtHand, ImageOffered, Remote
    from deploykit.record import Record
    from deploykit.release import ImageRef
    from deploykit.status import Marks

WORDS = ""
_LIMIT = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `images`."""
    parser.add_argument("--remote", action="store_true", help="ask the registry what it has, with docker's login")
    parser.add_argument(
        "--limit", metavar="N", type=int, default=_LIMIT, help=f"with --remote: look at N tags; {_LIMIT} if not said"
    )


def run(args: argparse.Namespace) -> int:
    """Show the versions that are at hand, or in the registry."""
    with opened(args) as app:
        if args.remote:
            remote, marks = app.images_in_registry(args.limit), app.marks()
            shown = [dump(_remote_document(remote))] if args.json else _remote_table(remote, marks)
        else:
            found, marks = app.images(), app.marks()
            shown = [dump([_document(one) for one in found])] if args.json else _table(found, marks)
        for line in shown:
            say(line if args.json else one_line(line))
    return 0


def _document(one: "ImageAtHand") -> dict[str, Any]:
    return _facts(one.image, one.size, one.created, one.last)


def _remote_document(remote: "Remote") -> dict[str, Any]:
    return {"images": [_offered(one) for one in remote.images], "left_out": remote.left_out}


def _offered(one: "ImageOffered") -> dict[str, Any]:
    offer = one.offer
    return {
        **_facts(offer.image, offer.size, offer.created, one.last),
        "at_hand": one.at_hand,
        "moved_since": one.moved.id if one.moved else None,
        "platforms": list(offer.platforms),
        "fits": offer.fits,
        "problem": offer.problem or None,
    }


def _facts(image: "ImageRef", size: int | None, created: float | None, last: "Record | None") -> dict[str, Any]:
    return {
        "image": image.name,
        "tag": image.tag,
        "digest": image.digest,
        "image_id": image.id,
        "size": size,
        "created_at": iso(created),
        "deployment": last.id if last else None,
        "outcome": last.outcome.name if last and last.outcome else None,
    }


def _table(found: "Sequence[ImageAtHand]", marks: "Marks") -> Iterator[str]:
    if not found:
        yield "no image is at hand"
        return
    rows = [
        (*_known(one.image, one.last, marks), *_measured(one.size, one.created), _short(one.image.id)) for one in found
    ]
    yield from _aligned(("TAG", "LAST", "ENDED", "NOW", "AGE", "SIZE", "ID"), rows)


def _remote_table(remote: "Remote", marks: "Marks") -> Iterator[str]:
    if not remote.images:
        yield "the registry has no tag of it"
        return
    yield from _aligned(
        ("TAG", "LAST", "ENDED", "NOW", "AGE", "PULL", "HERE", "DIGEST"),
        [_remote_row(one, marks) for one in remote.images],
    )
    yield from (f"{one.offer.image.tag}: {note}" for one in remote.images if (note := _note(one)))
    if remote.left_out:
        yield f"{remote.left_out} more tags were not looked at; --limit N looks at more"


def _remote_row(one: "ImageOffered", marks: "Marks") -> tuple[str, ...]:
    offer = one.offer
    return (
        *_known(offer.image, one.last, marks),
        *_measured(offer.size, offer.created),
        "yes" if one.at_hand else "",
        _short(offer.image.digest),
    )


def _note(one: "ImageOffered") -> str:
    if one.offer.problem:
        return one.offer.problem
    if not one.offer.fits:
        return f"it is there for {', '.join(one.offer.platforms)}, and not for {one.offer.wanted}"
    return f"it was pushed again since {one.moved.id}, which had other content" if one.moved else ""


def _known(image: "ImageRef", last: "Record | None", marks: "Marks") -> tuple[str, str, str, str]:
    ended = (last.outcome.name if last.outcome else f"in {last.state.name}") if last else "never deployed"
    return image.tag or image.name, last.id if last else "", ended, _now(last, marks)


def _now(last: "Record | None", marks: "Marks") -> str:
    """Return what the release that a deployment tried is now."""
    if last is None or last.candidate is None:
        return ""
    release = last.candidate.id
    words = {"current": marks.current == release, "target": marks.target == release}
    words["protected"] = release in marks.protected
    return ", ".join(word for word, holds in words.items() if holds)


def _measured(size: int | None, created: float | None) -> tuple[str, str]:
    return _age(created), mib(size) if size is not None else ""


def _short(digest: str | None) -> str:
    return (digest or "").removeprefix("sha256:")[:12]


def _aligned(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    for row in (titles, *rows):
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def _age(created: float | None) -> str:
    if created is None:
        return ""
    seconds = max(time.time() - created, 0)
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
