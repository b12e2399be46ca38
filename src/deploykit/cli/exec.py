"""`deploykit exec`."""

import argparse

from deploykit.cli.app import opened
from deploykit.cli.arguments import UsageError
from deploykit.cli.by_hand import at_terminal, become

WORDS = "SERVICE"
COMMAND = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `exec`: none of its own."""


def run(args: argparse.Namespace) -> int:
    """Run a command in a living instance."""
    if not args.words or not args.command:
        raise UsageError("say where and what: exec SERVICE -- CMD", hint="`deploykit exec web -- env`, for instance.")
    with opened(args) as app:
        become(app.by_hand.exec(args.words[0], args.command, terminal=at_terminal()))
