"""`deploykit unprotect`."""

import argparse

from deploykit.cli import protect

WORDS = protect.WORDS
add_arguments = protect.add_arguments


def run(args: argparse.Namespace) -> int:
    """No longer protect a release."""
    return protect.run(args, on=False)
