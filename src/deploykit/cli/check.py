"""`deploykit check`."""

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from deploykit.cli.app import as_typed, opened
from deploykit.cli.output import say
from deploykit.observers.json import dump
from deploykit.text import one_line

if TYPE_CHECKING:
    from deploykit.protocols import Finding

WORDS = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `check`."""
    parser.add_argument("--tag", metavar="TAG", help="the tag that is to be deployed")
    parser.add_argument("--image", metavar="IMAGE", help="the image that is to be deployed, in place of the config's")


def run(args: argparse.Namespace) -> int:
    """Go through the checklist."""
    from deploykit.check import worst
    from deploykit.protocols import Standing

    with opened(args) as app:
        found = [_for(args, one) for one in app.check(args.tag, image=args.image)]
    failed = worst(found) is Standing.failed
    if args.json:
        say(
            dump({"app": app.name, "target": app.target, "ok": not failed, "checks": [_document(one) for one in found]})
        )
    else:
        _show(found)
    return 1 if failed else 0


def _for(args: argparse.Namespace, one: "Finding") -> "Finding":
    return replace(one, text=as_typed(args, one.text), hint=one.hint and as_typed(args, one.hint))


def _document(one: "Finding") -> dict[str, str | None]:
    return {"about": one.about, "standing": one.standing.value, "text": one.text, "hint": one.hint}


def _show(found: "list[Finding]") -> None:
    width = max(len(one.about) for one in found)
    for one in found:
        say(one_line(f"{one.standing.value:<7}  {one.about:<{width}}  {one.text}"))
        if one.hint and one.standing.value != "ok":
            say(one_line(f"{'':<7}  {'':<{width}}  hint: {one.hint}"))
