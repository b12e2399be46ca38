"""`deploykit shell`."""

import argparse

from deploykit.cli.app import opened
from deploykit.cli.by_hand import at_terminal, become

WORDS = "[TAG or ID]"
COMMAND = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `shell`: none of its own."""


def run(args: argparse.Namespace) -> int:
    """Run a shell, or a command, in a one-off of a release."""
    with opened(args) as app:
        release = app.release(args.words[0]) if args.words else None
        become(app.by_hand.shell(release, args.command or ["sh"], terminal=at_terminal()))
