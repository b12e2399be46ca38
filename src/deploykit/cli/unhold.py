"""`deploykit unhold`."""

import argparse

from deploykit.cli.app import opened
from deploykit.cli.output import say
from deploykit.text import one_line

WORDS = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `unhold`: none of its own."""


def run(args: argparse.Namespace) -> int:
    """Let deploys go on."""
    with opened(args) as app:
        hold = app.unhold()
    if args.json:
        from deploykit.observers.json import dump, hold_document

        say(dump({"event": "hold.lifted", "exit_code": 0, "hold": hold_document(hold)}))
    elif hold:
        say(one_line(f"[deploy] Deploys go on; they were held by {hold.by}: {hold.why}"))
    else:
        say("[deploy] Deploys were not held")
    return 0
