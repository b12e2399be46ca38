"""Showing a deployment while it runs: as the runbook's lines, or as JSON."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from deploykit.cli.app import as_typed, command
from deploykit.cli.output import say

if TYPE_CHECKING:
    from deploykit.protocols import Observer


@contextmanager
def following(args: argparse.Namespace) -> Iterator["Observer"]:
    """Lend what shows events in the form that was asked for."""
    if args.json:
        from deploykit.observers.json import JsonObserver

        yield _annotated(args, JsonObserver(say, args.target), None)
    elif _is_watched():
        from deploykit.observers.progress import ProgressObserver

        progress = ProgressObserver(_lines(args))
        try:
            yield progress
        finally:
            progress.close()
    else:
        yield _annotated(args, _lines(args), say)


def _lines(args: argparse.Namespace) -> "Observer":
    from deploykit.cli.log import LineObserver
    from deploykit.observers.lines import CI_HEARTBEAT, HEARTBEAT, Narrator

    heartbeat = CI_HEARTBEAT if _is_set("CI") else HEARTBEAT
    narrator = Narrator(lambda verb: command(args, verb), heartbeat, args.target)
    return LineObserver(narrator, lambda text: as_typed(args, text))


def _is_watched() -> bool:
    """Whether there is a terminal that can take a line back."""
    terminal = sys.stderr is not None and sys.stderr.isatty()
    return terminal and os.environ.get("TERM", "") not in {"dumb", "unknown"} and not _is_set("CI")


def _annotated(args: argparse.Namespace, observer: "Observer", write: Callable[[str], object] | None) -> "Observer":
    if not _is_set("GITHUB_ACTIONS"):
        return observer
    from deploykit.observers.github import GitHubObserver

    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    return GitHubObserver(observer, write, summary, args.target, lambda verb: command(args, verb))


def _is_set(name: str) -> bool:
    return os.environ.get(name, "").lower() not in {"", "0", "false"}
