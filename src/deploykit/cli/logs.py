"""`deploykit logs`."""

import argparse

from deploykit.cli.app import opened
from deploykit.cli.by_hand import become
from deploykit.cli.output import say

WORDS = "[SERVICE]"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `logs`."""
    parser.add_argument("-f", "--follow", action="store_true", help="go on showing what is written")
    parser.add_argument("--tail", type=int, metavar="N", help="only the last N lines")
    parser.add_argument("--of", metavar="ID", help="the log that was kept of a deployment that failed, redacted")


def run(args: argparse.Namespace) -> int:
    """Show a log."""
    with opened(args) as app:
        if not args.of:
            become(app.by_hand.logs(args.words[0] if args.words else None, follow=args.follow, tail=args.tail))
        kept = app.failure_log(args.of).splitlines()
    for line in kept[-args.tail :] if args.tail else kept:
        say(line)
    return 0
