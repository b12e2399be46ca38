"""`deploykit watch`."""

import argparse

from deploykit.cli.app import opened
from deploykit.cli.arguments import seconds
from deploykit.cli.follow import following
from deploykit.cli.signals import interruptible

WORDS = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `watch`."""
    parser.add_argument(
        "--for", type=seconds, dest="seconds", metavar="S", help="seconds to look on; else until it is interrupted"
    )


def run(args: argparse.Namespace) -> int:
    """Look on at what serves."""
    with interruptible() as interruption, following(args) as follow, opened(args) as app:
        return app.watch(args.seconds, cancel=interruption, on_event=follow).exit_code
