"""`deploykit ps`."""

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from deploykit.cli.app import opened
from deploykit.cli.output import say
from deploykit.cli.status import instance_document
from deploykit.observers.json import dump
from deploykit.text import one_line

if TYPE_CHECKING:
    from deploykit.release import Instance

WORDS = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `ps`: none of its own."""


def run(args: argparse.Namespace) -> int:
    """Show the instances."""
    with opened(args) as app:
        instances = app.status().instances
    if args.json:
        say(dump([instance_document(one) for one in instances]))
    else:
        for line in _table(instances):
            say(one_line(line))
    return 0


def _table(instances: Sequence["Instance"]) -> Iterator[str]:
    if not instances:
        yield "nothing runs"
        return
    rows = [("NAME", "SERVICE", "STATUS", "HEALTH", "RESTARTS", "STARTED"), *map(_row, instances)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(one: "Instance") -> tuple[str, ...]:
    said = instance_document(one)
    started = f"{(said['started_at'] or '')[:19]}Z".replace("T", " ") if said["started_at"] else ""
    return one.name or one.id[:12], one.service, one.status, one.health or "", str(one.restarts), started
