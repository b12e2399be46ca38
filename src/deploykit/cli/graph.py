"""`deploykit graph`."""

import argparse
import sys

from deploykit.cli.output import say

WORDS = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `graph`."""
    parser.add_argument("--mermaid", action="store_true", help="Mermaid's text, also on a terminal")


def run(args: argparse.Namespace) -> int:
    """Show the states of a deployment, and how it moves between them."""
    from deploykit.graph import drawing, mermaid

    if args.json:
        say(_json())
    else:
        say(drawing() if sys.stdout.isatty() and not args.mermaid else mermaid())
    return 0


def _json() -> str:
    from deploykit.observers.json import dump
    from deploykit.states import TRANSITIONS

    rows = [(row, source) for row in TRANSITIONS for source in row.sources]
    return dump(
        [
            {"trigger": row.trigger.name, "from": source.name, "to": row.target.name, "when": row.when}
            for row, source in rows
        ]
    )
