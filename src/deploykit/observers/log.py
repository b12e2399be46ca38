"""Events as log lines, through structlog. Configures nothing: without a configuration of yours, only warnings show."""

import logging

import structlog

from deploykit.events import Event
from deploykit.observers.lines import Narrator


class LogObserver:
    """Logs the runbook's lines to the logger `deploykit`, or to the one given."""

    def __init__(self, logger: structlog.typing.FilteringBoundLogger | None = None, narrator: Narrator | None = None):
        self._logger = logger or structlog.wrap_logger(logging.getLogger("deploykit"))
        self._narrator = narrator or Narrator()

    def __call__(self, event: Event) -> None:
        for level, text in self._narrator(event):
            getattr(self._logger, level)(text)
