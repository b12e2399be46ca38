"""`deploykit unprotect`."""

import argparse

from deploykit.cli import protect

WORDS = protect.WORDS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `unprotect`."""
    protect.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """No longer protect a release."""
    return protect.run(args, on=False)
