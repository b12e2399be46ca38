"""`deploykit compose`."""

import argparse

from deploykit.cli.app import opened
from deploykit.cli.arguments import UsageError
from deploykit.cli.by_hand import become

WORDS = ""
COMMAND = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `compose`: none of its own."""


def run(args: argparse.Namespace) -> int:
    """Run docker compose on what runs."""
    if not args.command:
        raise UsageError("say what: compose -- ARGS", hint="`deploykit compose -- ps`, for instance.")
    with opened(args) as app:
        become(app.by_hand.compose(args.command))
