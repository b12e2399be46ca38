"""`deploykit run`."""

import argparse

from deploykit.cli.app import opened
from deploykit.cli.arguments import PULLS, seconds
from deploykit.cli.follow import following
from deploykit.cli.plan import show_plan
from deploykit.cli.signals import interruptible

WORDS = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `run`."""
    parser.add_argument("--tag", help="the tag to deploy; else [app] tag")
    parser.add_argument("--image", help="another image than [app] image")
    parser.add_argument("-m", "--message", default="", help="what it is for; kept in the history")
    parser.add_argument("--no-rollback", action="store_true", help="leave a failed release as it is")
    parser.add_argument(
        "--rehearse", action="store_true", default=None, help="first let one instance prove itself beside what serves"
    )
    parser.add_argument("--pull", choices=PULLS, help="when the registry is asked; alone: always")
    parser.add_argument("--irreversible", action="store_true", help="never go back across this release by itself")
    parser.add_argument("--force", action="store_true", help="deploy anew what serves already")
    parser.add_argument("--dry-run", action="store_true", help="only tell what would be done; changes nothing")
    parser.add_argument("--lock-wait", type=seconds, default=0.0, metavar="S", help="seconds to wait for one's turn")


def run(args: argparse.Namespace) -> int:
    """Deploy, or tell what would be done."""
    if args.dry_run:
        return show_plan(args)
    with interruptible() as interruption, following(args) as follow, opened(args) as app:
        result = app.deploy(
            args.tag,
            image=args.image,
            message=args.message,
            rollback=not args.no_rollback,
            force=args.force,
            irreversible=args.irreversible,
            rehearse=args.rehearse,
            pull=args.pull,
            lock_wait=args.lock_wait,
            cancel=interruption,
            on_event=follow,
        )
        return result.exit_code
