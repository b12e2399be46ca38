"""A spinner for people who look on. rich is imported here alone, and this module only where there is a terminal."""

from contextlib import suppress

from rich.console import Console
from rich.status import Status
from rich.text import Text

from deploykit.events import Event, Faltered, Looked, Moved, Progress, Watching
from deploykit.observers.text import one_line
from deploykit.protocols import Observer
from deploykit.states import TERMINAL

_WIDEST = 100


class ProgressObserver:
    """Shows on stderr what is being waited for, and takes it away while `inner` writes its lines."""

    def __init__(self, inner: Observer, console: Console | None = None) -> None:
        self._inner = inner
        self._status = Status("", console=console or _Console(stderr=True))

    def __call__(self, event: Event) -> None:
        if text := _quiet(event):
            self._show(text)
            return
        self.close()
        self._inner(event)
        if isinstance(event, Moved) and event.target not in TERMINAL:
            self._show(event.target.name)
        elif isinstance(event, Watching | Faltered):
            self._show("watching")

    def close(self) -> None:
        """Take the spinner away."""
        with suppress(Exception, SystemExit):  # a terminal that went away must not stop the lines
            self._status.stop()

    def _show(self, text: str) -> None:
        with suppress(Exception, SystemExit):
            self._status.update(Text(one_line(text)[:_WIDEST]))
            self._status.start()


class _Console(Console):
    """Falls silent when nobody reads it. rich's own would silence stdout too, and end the program."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


def _quiet(event: Event) -> str:
    """Return what the spinner says of an event that has no line of its own."""
    match event:
        case Looked(elapsed=elapsed, budget=budget, reason=reason):
            return f"{elapsed:.0f}s of {budget:g}s  {reason or 'healthy'}"
        case Progress(line=line):
            return line
        case _:
            return ""
