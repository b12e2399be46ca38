"""The runbook's lines on stdout: one plain line for each step."""

from collections.abc import Callable

from deploykit.cli.output import say
from deploykit.events import Event
from deploykit.observers.lines import Narrator

PREFIX = "[deploy] "


class LineObserver:
    """Writes what `deploykit.observers.log` would log, without the library that it logs through: that one is slow.

    `as_typed` turns the commands in a line into those for the same app.
    """

    def __init__(self, narrator: Narrator, as_typed: Callable[[str], str] = str) -> None:
        self._narrator = narrator
        self._as_typed = as_typed

    def __call__(self, event: Event) -> None:
        for level, text in self._narrator(event):
            if level != "debug":
                say(f"{PREFIX}{self._as_typed(text)}")
