"""`deploykit history`."""

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from deploykit.cli.app import opened
from deploykit.cli.output import say
from deploykit.errors import NoSuchRelease
from deploykit.observers.json import dump, plain, release_document
from deploykit.observers.text import iso, lines, one_line

if TYPE_CHECKING:
    from deploykit.record import Record

WORDS = "[ID]"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `history`: none of its own."""


def run(args: argparse.Namespace) -> int:
    """Show the deployments."""
    with opened(args) as app:
        records = app.history()
    if args.words:
        record = _find(records, args.words[0])
        shown = [dump(_whole(record))] if args.json else list(_story(record))
    else:
        shown = [dump([_document(record) for record in records])] if args.json else list(_table(records))
    for line in shown:
        say(line)
    return 0


def _find(records: Sequence["Record"], wanted: str) -> "Record":
    found = next((record for record in records if record.id == wanted), None)
    if found is None:
        msg = f"there is no deployment {wanted!r}"
        raise NoSuchRelease(msg, hint="`deploykit history` lists them; an id looks like r12.")
    return found


def _document(record: "Record") -> dict[str, Any]:
    image = record.candidate.image if record.candidate else record.asked
    return {
        "id": record.id,
        "release": record.candidate.id if record.candidate else None,
        "kind": record.kind.name,
        "image": image.name,
        "tag": image.tag,
        "digest": image.digest,
        "state": record.state.name,
        "outcome": record.outcome.name if record.outcome else None,
        "started_at": iso(record.started_at),
        "finished_at": iso(record.finished_at),
        "message": record.options.message,
        "by": record.options.by,
    }


def _whole(record: "Record") -> dict[str, Any]:
    return {
        **_document(record),
        "before": release_document(record.current),
        "restore": release_document(record.restore),
        "failure": plain(record.failure),
        "restore_failure": plain(record.restore_failure),
    }


def _table(records: Sequence["Record"]) -> Iterator[str]:
    if not records:
        yield "nothing was deployed yet"
        return
    rows = [("ID", "KIND", "TAG", "ENDED", "STARTED", "BY", "MESSAGE"), *map(_row, records)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(record: "Record") -> tuple[str, ...]:
    said = _document(record)
    ended = said["outcome"] or f"in {said['state']}"
    started = f"{said['started_at'][:19]}Z".replace("T", " ")
    cells = (said["id"], said["kind"], said["tag"] or said["image"], ended, started, said["by"], said["message"])
    return tuple(one_line(cell) for cell in cells)


def _story(record: "Record") -> Iterator[str]:
    for key, value in _document(record).items():
        if value not in {None, ""}:
            yield f"{key:<12} {one_line(value)}"
    for what, release in (("before", record.current), ("restore", record.restore)):
        if release:
            yield f"{what:<12} {release.image.name} ({release.id})"
    for what, failure in (("failed", record.failure), ("restore", record.restore_failure)):
        if failure:
            yield f"{what:<12} in {failure.state.name}: {one_line(failure.summary)}"
            yield from (f"{'':<12} {line}" for line in lines(failure.detail, 5))
            yield from (f"{'':<12} | {line}" for line in lines(failure.logs, 20))
