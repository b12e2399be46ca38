"""`deploykit images`."""

import argparse
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from deploykit.cli.app import opened
from deploykit.cli.history import marked
from deploykit.cli.output import say
from deploykit.observers.json import dump
from deploykit.observers.text import iso, one_line

if TYPE_CHECKING:
    from deploykit.images import ImageAtHand
    from deploykit.status import Marks

WORDS = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `images`: none of its own."""


def run(args: argparse.Namespace) -> int:
    """Show the versions that are at hand."""
    with opened(args) as app:
        found, marks = app.images(), app.marks()
    if args.json:
        say(dump([_document(one) for one in found]))
    else:
        for line in _table(found, marks):
            say(one_line(line))
    return 0


def _document(one: "ImageAtHand") -> dict[str, Any]:
    return {
        "image": one.image.name,
        "tag": one.image.tag,
        "digest": one.image.digest,
        "image_id": one.image.id,
        "size": one.size,
        "created_at": iso(one.created),
        "deployment": one.last.id if one.last else None,
        "outcome": one.last.outcome.name if one.last and one.last.outcome else None,
    }


def _table(found: "Sequence[ImageAtHand]", marks: "Marks") -> Iterator[str]:
    if not found:
        yield "no image is at hand"
        return
    rows = [("TAG", "LAST", "ENDED", "NOW", "AGE", "SIZE", "ID"), *(_row(one, marks) for one in found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(one: "ImageAtHand", marks: "Marks") -> tuple[str, ...]:
    last = one.last
    ended = (last.outcome.name if last.outcome else f"in {last.state.name}") if last else "never deployed"
    return (
        one.image.tag or one.image.name,
        last.id if last else "",
        ended,
        marked(last, marks) if last else "",
        _age(one.created),
        f"{one.size / 2**20:,.0f} MiB" if one.size is not None else "",
        (one.image.id or "").removeprefix("sha256:")[:12],
    )


def _age(created: float | None) -> str:
    if created is None:
        return ""
    seconds = max(time.time() - created, 0)
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
