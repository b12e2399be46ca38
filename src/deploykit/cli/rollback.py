"""`deploykit rollback`."""

import argparse
from typing import TYPE_CHECKING

from deploykit.cli.abort import tell
from deploykit.cli.app import opened
from deploykit.cli.arguments import UsageError, seconds
from deploykit.cli.follow import following
from deploykit.cli.signals import interruptible

if TYPE_CHECKING:
    from deploykit.result import Result

WORDS = "[TAG or ID]"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `rollback`."""
    parser.add_argument("--to", metavar="TAG or ID", help="the same as naming it without --to")
    parser.add_argument(
        "--files", choices=["release", "current"], default="release", help="run it with its own files, or with today's"
    )
    parser.add_argument("--abort", action="store_true", help="abort a running deployment first")
    parser.add_argument("-m", "--message", default="", help="what it is for; kept in the history")
    parser.add_argument("--no-rollback", action="store_true", help="when it fails, leave it as it is")
    parser.add_argument("--force", action="store_true", help="also across a release that is marked irreversible")
    parser.add_argument("--lock-wait", type=seconds, default=0.0, metavar="S", help="seconds to wait for one's turn")


def run(args: argparse.Namespace) -> int:
    """Roll back."""
    to = _target(args)
    with interruptible() as interruption, following(args) as follow, opened(args) as app:
        aborted = app.abort(cancel=interruption, on_event=follow) if args.abort else None
        if aborted and to is None and went_back(aborted):
            tell(args, aborted, 0)
            return 0
        result = app.rollback(
            to,
            files=args.files,
            message=args.message,
            rollback=not args.no_rollback,
            force=args.force,
            lock_wait=args.lock_wait,
            cancel=interruption,
            on_event=follow,
        )
        return result.exit_code


def went_back(aborted: "Result") -> bool:
    """Whether aborting a deploy has brought back what served: then that is the rollback asked for."""
    return (aborted.kind.name, aborted.state.name) == ("deploy", "rolled_back")


def _target(args: argparse.Namespace) -> str | None:
    named = [*args.words, *([args.to] if args.to is not None else [])]
    if len(named) > 1:
        raise UsageError("name one release to go back to, not two", hint="`deploykit history` lists them.")
    return named[0] if named else None
