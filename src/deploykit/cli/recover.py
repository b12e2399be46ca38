"""`deploykit recover`."""

import argparse

from deploykit.cli.app import opened
from deploykit.cli.arguments import seconds
from deploykit.cli.follow import following
from deploykit.cli.output import say
from deploykit.cli.signals import interruptible

WORDS = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `recover`."""
    parser.add_argument("--lock-wait", type=seconds, default=0.0, metavar="S", help="seconds to wait for one's turn")


def run(args: argparse.Namespace) -> int:
    """Finish what a killed run left."""
    with interruptible() as interruption, following(args) as follow, opened(args) as app:
        result = app.recover(lock_wait=args.lock_wait, cancel=interruption, on_event=follow)
        if result is None:
            say(_nothing(args))
            return 0
        return result.exit_code


def _nothing(args: argparse.Namespace) -> str:
    return '{"event": "recover.nothing", "exit_code": 0}' if args.json else "[deploy] Nothing to finish"
