"""`deploykit diff`."""

import argparse
from typing import TYPE_CHECKING

from deploykit.cli.app import opened
from deploykit.cli.arguments import UsageError
from deploykit.cli.output import say
from deploykit.observers.json import dump, release_document
from deploykit.text import one_line

if TYPE_CHECKING:
    from deploykit.differences import Difference

WORDS = "[A] [B]"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `diff`: none of its own."""


def run(args: argparse.Namespace) -> int:
    """Show what two releases differ in."""
    if len(args.words) != 2:
        raise UsageError("name two releases: diff A B", hint="`deploykit history` lists them.")
    with opened(args) as app:
        first, second = map(app.release, args.words)
        found = app.diff(first, second)
    if args.json:
        releases = {"a": release_document(first), "b": release_document(second)}
        parts = [{"part": one.part, "lines": list(one.lines)} for one in found]
        say(dump({**releases, "differences": parts}))
        return 0
    say(f"--- {first.image.name} ({first.id})")
    say(f"+++ {second.image.name} ({second.id})")
    for one in found:
        _show(one)
    if not found:
        say("no difference")
    return 0


def _show(one: "Difference") -> None:
    say(one_line(f"{one.part}:"))
    for line in one.lines:
        say(one_line(f"  {line}"))
