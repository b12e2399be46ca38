"""Showing a deployment while it runs: as the runbook's lines, or as JSON."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from deploykit.cli.app import command
from deploykit.cli.output import say

if TYPE_CHECKING:
    from deploykit.protocols import Observer


@contextmanager
def following(args: argparse.Namespace) -> Iterator["Observer"]:
    """Lend what shows events in the form that was asked for."""
    if args.json:
        from deploykit.observers.json import JsonObserver

        yield JsonObserver(say)
    elif sys.stderr is not None and sys.stderr.isatty():
        from deploykit.observers.progress import ProgressObserver

        progress = ProgressObserver(_lines(args))
        try:
            yield progress
        finally:
            progress.close()
    else:
        yield _lines(args)


def _lines(args: argparse.Namespace) -> "Observer":
    from deploykit.cli.log import LineObserver
    from deploykit.observers.lines import Narrator

    return LineObserver(Narrator(lambda verb: command(args, verb)))
