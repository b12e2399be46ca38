"""`deploykit history`."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from deploykit.cli.app import as_typed, command, opened
from deploykit.cli.output import fitted, say
from deploykit.errors import NoSuchRelease
from deploykit.observers.json import dump, plain, release_document
from deploykit.page import page
from deploykit.text import iso, one_line

if TYPE_CHECKING:
    from deploykit.page import Command
    from deploykit.record import Record
    from deploykit.result import Result
    from deploykit.status import Marks

WORDS = "[ID]"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `history`: none of its own."""


def run(args: argparse.Namespace) -> int:
    """Show the deployments."""
    with opened(args) as app:
        records, marks = app.history(), app.marks()
        result = app.result(args.words[0]) if args.words else None
    if args.words:
        record, result = _found(records, result, args.words[0])
        whole = _whole(record, result, marks)
        story = _story(record, result, marks, lambda verb: command(args, verb))
        shown = [dump(whole)] if args.json else [as_typed(args, line) for line in story]
    elif args.json:
        shown = [dump([_document(record, marks) for record in records])]
    else:
        shown = [fitted(line) for line in _table(records, marks)]
    for line in shown:
        say(line)
    return 0


def _found(records: Sequence["Record"], result: "Result | None", wanted: str) -> "tuple[Record, Result]":
    record = next((record for record in records if record.id == wanted), None)
    if record is None or result is None:
        msg = f"there is no deployment {wanted!r}"
        raise NoSuchRelease(msg, hint="`deploykit history` lists them; an id looks like r12.")
    return record, result


def _document(record: "Record", marks: "Marks") -> dict[str, Any]:
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
        "protected": bool(record.candidate and record.candidate.id in marks.protected),
    }


def marked(record: "Record", marks: "Marks") -> str:
    """Return what a deployment's release is now; of several deployments of a release, that of its own id says it."""
    release = record.candidate.id if record.candidate and record.candidate.id == record.id else None
    words = {"current": marks.current == release, "target": marks.target == release}
    words["protected"] = release in marks.protected
    return ", ".join(word for word, holds in words.items() if holds and release)


def _whole(record: "Record", result: "Result", marks: "Marks") -> dict[str, Any]:
    return {
        **_document(record, marks),
        "before": release_document(record.current),
        "restore": release_document(record.restore),
        "failure": plain(record.failure),
        "restore_failure": plain(record.restore_failure),
        "transitions": plain(result.transitions),
        "report": plain(result.report),
    }


def _table(records: Sequence["Record"], marks: "Marks") -> Iterator[str]:
    if not records:
        yield "nothing was deployed yet"
        return
    rows = [("ID", "KIND", "TAG", "ENDED", "NOW", "STARTED", "BY", "MESSAGE"), *(_row(one, marks) for one in records)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(record: "Record", marks: "Marks") -> tuple[str, ...]:
    said = _document(record, marks)
    ended = said["outcome"] or f"in {said['state']}"
    started = f"{said['started_at'][:16]}Z".replace("T", " ")
    cells = (
        said["id"],
        said["kind"],
        said["tag"] or said["image"],
        ended,
        marked(record, marks),
        started,
        said["by"],
        said["message"],
    )
    return tuple(one_line(cell) for cell in cells)


def _story(record: "Record", result: "Result", marks: "Marks", command: "Command") -> Iterator[str]:
    for key, value in _document(record, marks).items():
        if value not in {None, "", False}:
            yield f"{key:<12} {one_line(value)}"
    for what, release in (("before", record.current), ("restore", record.restore)):
        if release:
            yield f"{what:<12} {release.image.name} ({release.id})"
    for move in result.transitions:
        yield f"{'moved':<12} {iso(move.at)} {move.target.name}"
    if result.report:
        yield ""
        others = [step for step in result.report.next if (step.verb, step.arguments) != ("history", record.id)]
        yield from page(replace(result.report, next=others), command)
