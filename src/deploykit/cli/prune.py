"""`deploykit prune`."""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from deploykit.cli.app import opened
from deploykit.cli.arguments import seconds
from deploykit.cli.output import complain, say
from deploykit.text import one_line

if TYPE_CHECKING:
    from deploykit.events import Event
    from deploykit.prune import Pruned

WORDS = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `prune`."""
    parser.add_argument("--keep", type=int, metavar="N", help="good releases that stay; else [state] keep; at least 2")
    parser.add_argument("--lock-wait", type=seconds, default=0.0, metavar="S", help="seconds to wait for one's turn")


def run(args: argparse.Namespace) -> int:
    """Let go of what is old."""
    with opened(args) as app:
        pruned = app.prune(args.keep, lock_wait=args.lock_wait, on_event=_warn)
    if args.json:
        from deploykit.observers.json import dump, release_document

        removed, kept = (list(map(release_document, some)) for some in (pruned.removed, pruned.kept))
        say(dump({"event": "prune.finished", "exit_code": 0, "removed": removed, "kept": kept}))
    else:
        for line in _lines(pruned):
            say(one_line(f"[deploy] {line}"))
    return 0


def _warn(event: "Event") -> None:
    from deploykit.events import Warned

    if isinstance(event, Warned):
        complain(one_line(f"[deploy] WARNING: {event.text}"))


def _lines(pruned: "Pruned") -> Iterator[str]:
    for release in pruned.removed:
        yield f"Removed: {release.image.name} ({release.id})"
    kept = ", ".join(f"{release.image.tag or release.image.name} ({release.id})" for release in pruned.kept)
    yield f"{len(pruned.removed)} releases removed; kept: {kept or 'nothing was deployed yet'}"
