"""`deploykit hold`."""

import argparse

from deploykit.cli.app import command, opened
from deploykit.cli.output import say
from deploykit.text import one_line

WORDS = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `hold`."""
    parser.add_argument("-m", "--message", required=True, metavar="WHY", help="why; everybody who deploys is told")


def run(args: argparse.Namespace) -> int:
    """Hold deploys."""
    with opened(args) as app:
        hold = app.hold(args.message)
    if args.json:
        from deploykit.observers.json import dump, hold_document

        say(dump({"event": "hold.put", "exit_code": 0, "hold": hold_document(hold)}))
    else:
        say(one_line(f"[deploy] Deploys are held by {hold.by}: {hold.why}"))
        say(f"[deploy] `{command(args, 'unhold')}` lets them go on; rollbacks go on meanwhile")
    return 0
