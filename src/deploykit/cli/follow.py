"""Showing a deployment while it runs: as the runbook's lines, or as JSON."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from deploykit.cli.app import command
from deploykit.cli.output import say
from deploykit.events import Event, Finished

if TYPE_CHECKING:
    from deploykit.protocols import Observer


class Follower(Protocol):
    """Shows events, and in the end what the verb ends with."""

    def __call__(self, event: Event, /) -> None: ...

    def end(self, exit_code: int) -> None:
        """Show the end: the verb's exit code may be another than the deployment's own."""


@contextmanager
def following(args: argparse.Namespace) -> Iterator[Follower]:
    """Lend what shows events in the form that was asked for."""
    if args.json:
        yield _Json()
        return
    lines = _Lines(args)
    try:
        yield lines
    finally:
        lines.close()


class _Json:
    def __init__(self) -> None:
        from deploykit.observers.json import JsonObserver

        self._observe = JsonObserver(say)
        self._held: Finished | None = None

    def __call__(self, event: Event) -> None:
        self._release()
        if isinstance(event, Finished):
            self._held = event
        else:
            self._observe(event)

    def end(self, exit_code: int) -> None:
        if self._held:
            self._held = replace(self._held, exit_code=exit_code)
        self._release()

    def _release(self) -> None:
        if self._held:
            self._observe(self._held)
        self._held = None


class _Lines:
    def __init__(self, args: argparse.Namespace) -> None:
        from deploykit.cli.log import configured_logger
        from deploykit.observers.lines import Narrator
        from deploykit.observers.log import LogObserver

        self._observe: Observer = LogObserver(configured_logger(), Narrator(lambda verb: command(args, verb)))
        if sys.stderr is not None and sys.stderr.isatty():
            from deploykit.observers.progress import ProgressObserver

            self._observe = ProgressObserver(self._observe)

    def __call__(self, event: Event) -> None:
        self._observe(event)

    def end(self, exit_code: int) -> None:
        """Add nothing: the last line has been written."""

    def close(self) -> None:
        close = getattr(self._observe, "close", None)
        if close:
            close()
