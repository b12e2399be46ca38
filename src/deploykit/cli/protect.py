"""`deploykit protect`."""

import argparse

from deploykit.cli.app import opened
from deploykit.cli.arguments import seconds
from deploykit.cli.output import say
from deploykit.text import one_line

WORDS = "[TAG or ID]"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `protect`."""
    parser.add_argument("--lock-wait", type=seconds, default=0.0, metavar="S", help="seconds to wait for one's turn")


def run(args: argparse.Namespace, *, on: bool = True) -> int:
    """Protect a release, or no longer."""
    named = args.words[0] if args.words else None
    with opened(args) as app:
        release = app.protect(named, on=on, lock_wait=args.lock_wait)
    if args.json:
        from deploykit.observers.json import dump, release_document

        event = "release.protected" if on else "release.unprotected"
        say(dump({"event": event, "exit_code": 0, "release": release_document(release)}))
    else:
        what = "is kept from prune" if on else "is no longer kept from prune"
        say(one_line(f"[deploy] {release.image.name} ({release.id}) {what}"))
    return 0
