"""A spinner for people who look on. rich is imported here alone, and this module only where there is a terminal."""

from contextlib import suppress

from rich.console import Console
from rich.status import Status
from rich.text import Text

from deploykit.events import Event, Faltered, Looked, Moved, Progress, Watching
from deploykit.observers.layers import Layers
from deploykit.protocols import Observer
from deploykit.states import TERMINAL
from deploykit.text import one_line

_SPINNER = 3
"""Columns that the spinner itself takes, and the last one: a line that is full wraps."""


class ProgressObserver:
    """Shows on stderr what is being waited for, and takes it away while `inner` writes its lines."""

    live = True

    def __init__(self, inner: Observer, console: Console | None = None) -> None:
        self._inner = inner
        self._console = console or _Console(stderr=True)
        self._status = Status("", console=self._console)
        self._layers = Layers()

    def __call__(self, event: Event) -> None:
        if text := self._quiet(event):
            self._show(text)
            return
        self.close()
        self._inner(event)
        if isinstance(event, Moved) and event.target not in TERMINAL:
            self._layers = Layers()
            self._show(event.target.name)
        elif isinstance(event, Watching | Faltered):
            self._show("watching")

    def close(self) -> None:
        """Take the spinner away."""
        with suppress(Exception, SystemExit):  # a terminal that went away must not stop the lines
            self._status.stop()

    def _show(self, text: str) -> None:
        with suppress(Exception, SystemExit):
            self._status.update(self._fitting(one_line(text)))
            self._status.start()

    def _fitting(self, line: str) -> Text:
        text = Text(line)
        text.truncate(max(1, self._console.width - _SPINNER), overflow="ellipsis")
        return text

    def _quiet(self, event: Event) -> str:
        """Return what the spinner says of an event that has no line of its own."""
        match event:
            case Looked(attempt=attempt, elapsed=elapsed, budget=budget, reason=reason):
                return f"look {attempt}, {elapsed:.0f}s of {budget:g}s: {reason or 'healthy'}"
            case Progress(line=line):
                return self._layers.hear(line) or line
            case _:
                return ""


class _Console(Console):
    """Falls silent when nobody reads it. rich's own would silence stdout too, and end the program."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
