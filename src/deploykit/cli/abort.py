"""`deploykit abort`."""

import argparse
from typing import TYPE_CHECKING

from deploykit.cli.app import as_typed, opened
from deploykit.cli.follow import following
from deploykit.cli.output import say
from deploykit.cli.signals import interruptible
from deploykit.page import head
from deploykit.text import one_line

if TYPE_CHECKING:
    from deploykit.result import Result

WORDS = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `abort`: none of its own."""


def run(args: argparse.Namespace) -> int:
    """Stop the running deployment."""
    with interruptible() as interruption, following(args) as follow, opened(args) as app:
        result = app.abort(cancel=interruption, on_event=follow)
    # 0 only when all is safe: what a failed first deploy has left is not.
    code = 3 if result is not None and result.exit_code in {3, 4} else 0
    tell(args, result, code)
    return code


def tell(args: argparse.Namespace, result: "Result | None", exit_code: int) -> None:
    """Tell what came of the deployment that was aborted."""
    if args.json:
        say(_document(result, exit_code))
    elif result is None:
        say("[deploy] Nothing runs that could be aborted")
    else:
        # Where it was ended by this very command, its page has been told.
        for line in head(result.report) if result.report else result.explain().splitlines():
            say(f"[deploy] {as_typed(args, one_line(line))}")


def _document(result: "Result | None", code: int) -> str:
    from deploykit.observers.json import dump, release_document

    if result is None:
        return dump({"event": "abort.nothing", "exit_code": 0})
    said = {"event": "abort.finished", "exit_code": code, "id": result.id, "kind": result.kind.name}
    said |= {"outcome": result.outcome.name, "state": result.state.name}
    return dump(said | {"serving": release_document(result.serving), "previous": release_document(result.previous)})
