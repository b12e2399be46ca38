"""structlog, set up for the command line: one plain line for each step, on stdout."""

import logging
from collections.abc import MutableMapping
from typing import Any

import structlog

from deploykit.cli.output import say

PREFIX = "[deploy] "


class _Say(logging.Handler):
    """Writes at once, and lets go of a stdout that is closed."""

    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage())


def configured_logger() -> structlog.typing.FilteringBoundLogger:
    """Set up structlog and the logger `deploykit`; return it."""
    wrapper = structlog.make_filtering_bound_logger(logging.INFO)
    structlog.configure(processors=[_render], wrapper_class=wrapper, cache_logger_on_first_use=False)
    logger = logging.getLogger("deploykit")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.handlers = [_Say()]
    bound: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(logger)
    return bound


def _render(_: object, __: str, event: MutableMapping[str, Any]) -> str:
    return f"{PREFIX}{event['event']}"
