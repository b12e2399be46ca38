"""Events as log lines, through structlog or the standard library. Configures nothing: whoever does sees them."""

import logging
from typing import Any

import structlog

from deploykit.events import Event
from deploykit.observers.lines import Narrator

NAME = "deploykit"
# Else Python itself would write warnings to stderr for want of a handler.
logging.getLogger(NAME).addHandler(logging.NullHandler())


class LogObserver:
    """Logs the runbook's lines to `logger`, of structlog or of the standard library.

    Without one: to structlog, where the application has configured that, else to the standard library's `deploykit`.
    """

    def __init__(
        self,
        logger: structlog.typing.FilteringBoundLogger | logging.Logger | None = None,
        narrator: Narrator | None = None,
    ) -> None:
        self._logger = logger
        self._narrator = narrator or Narrator()

    def __call__(self, event: Event) -> None:
        logger = self._logger or _usual()
        for level, text in self._narrator(event):
            getattr(logger, level)(text)


def _usual() -> Any:
    return structlog.get_logger(NAME) if structlog.is_configured() else logging.getLogger(NAME)
