"""`deploykit abort`."""

import argparse
from typing import TYPE_CHECKING

from deploykit.cli.app import open_app
from deploykit.cli.follow import following
from deploykit.cli.output import say

if TYPE_CHECKING:
    from deploykit.result import Result

WORDS = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `abort`: none of its own."""


def run(args: argparse.Namespace) -> int:
    """Stop the running deployment."""
    with following(args) as follow:
        result = open_app(args).abort(on_event=follow)
        code = _exit_code(result)
        follow.end(code)
        say(_document(result, code) if args.json else _words(result))
        return code


def _exit_code(result: "Result | None") -> int:
    """0 when all is safe, or nothing ran."""
    return 3 if result is not None and result.exit_code in {3, 4} else 0


def _words(result: "Result | None") -> str:
    if result is None:
        return "[deploy] Nothing runs that could be aborted"
    return f"[deploy] {result.explain()}".replace("\n", "\n[deploy] ")


def _document(result: "Result | None", code: int) -> str:
    from deploykit.observers.json import dump, release_document

    if result is None:
        return dump({"event": "abort.nothing", "exit_code": 0})
    said = {"event": "abort.finished", "exit_code": code, "id": result.id, "kind": result.kind.name}
    said |= {"outcome": result.outcome.name, "state": result.state.name}
    return dump(said | {"serving": release_document(result.serving), "previous": release_document(result.previous)})
