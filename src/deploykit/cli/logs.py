"""`deploykit logs`."""

import argparse

from deploykit.cli.app import opened
from deploykit.cli.arguments import UsageError, natural
from deploykit.cli.by_hand import become, written
from deploykit.cli.output import say

WORDS = "[SERVICE]"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `logs`."""
    parser.add_argument("-f", "--follow", action="store_true", help="go on showing what is written")
    parser.add_argument("--tail", type=natural, metavar="N", help="only the last N lines")
    parser.add_argument("--of", metavar="ID", help="the log that was kept of a deployment that failed, redacted")


def run(args: argparse.Namespace) -> int:
    """Show a log."""
    if args.json and args.follow:
        raise UsageError("a log that is followed has no JSON", hint="Leave out -f, or --json.")
    service = args.words[0] if args.words else None
    code = 0
    with opened(args) as app:
        if args.of:
            lines = app.failure_log(args.of).splitlines()
            lines = lines if args.tail is None else lines[max(len(lines) - args.tail, 0) :]
        else:
            program = app.by_hand.logs(service, follow=args.follow, tail=args.tail)
            lines, code = written(program) if args.json else become(program)
    if args.json:
        from deploykit.observers.json import dump

        say(dump({"app": app.name, "service": service, "of": args.of, "lines": lines}))
    else:
        for line in lines:
            say(line)
    return code
