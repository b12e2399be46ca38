"""`deploykit health`."""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from deploykit.cli.app import opened
from deploykit.cli.output import say
from deploykit.observers.json import dump
from deploykit.text import one_line

if TYPE_CHECKING:
    from deploykit.app import ProbeAnswer

WORDS = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `health`: none of its own."""


def run(args: argparse.Namespace) -> int:
    """Look once with every probe."""
    with opened(args) as app:
        answers = app.health()
    healthy = all(answer.healthy for answer in answers)
    if args.json:
        said = {"app": app.name, "healthy": healthy, "probes": [_document(answer) for answer in answers]}
        say(dump(said))
    else:
        for line in (line for answer in answers for line in _lines(answer)):
            say(one_line(line))
    return 0 if healthy else 1


def _document(answer: "ProbeAnswer") -> dict[str, object]:
    return {
        "probe": answer.probe,
        "healthy": answer.healthy,
        "reason": answer.reason,
        "warnings": list(answer.warnings),
    }


def _lines(answer: "ProbeAnswer") -> Iterator[str]:
    yield f"{answer.probe}: {'healthy' if answer.healthy else f'unhealthy: {answer.reason}'}"
    yield from (f"{answer.probe}: WARNING: {warning}" for warning in answer.warnings)
