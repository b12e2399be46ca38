"""The runbook's lines on stdout: one plain line for each step."""

from deploykit.cli.output import say
from deploykit.events import Event
from deploykit.observers.lines import Narrator

PREFIX = "[deploy] "


class LineObserver:
    """Writes what `deploykit.observers.log` would log, without the library that it logs through: that one is slow."""

    def __init__(self, narrator: Narrator) -> None:
        self._narrator = narrator

    def __call__(self, event: Event) -> None:
        for level, text in self._narrator(event):
            if level != "debug":
                say(f"{PREFIX}{text}")
