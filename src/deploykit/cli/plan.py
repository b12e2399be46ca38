"""`deploykit run --dry-run`."""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from deploykit.cli.app import opened, titled
from deploykit.cli.output import say
from deploykit.errors import ConfigError, RegistryFailed
from deploykit.text import mib, one_line

if TYPE_CHECKING:
    from deploykit.app import App
    from deploykit.plan import Plan
    from deploykit.protocols import Offer


def show_plan(args: argparse.Namespace) -> int:
    """Tell what `run` with these arguments would do."""
    from deploykit.observers.json import dump

    with opened(args) as app:
        plan = app.plan(
            args.tag,
            image=args.image,
            rollback=not args.no_rollback,
            force=args.force,
            irreversible=args.irreversible,
            rehearse=args.rehearse,
            pull=args.pull,
        )
        offer = _offer(app, args, plan)
    document = {**_document(plan, offer), "target": app.target}
    for line in [dump(document)] if args.json else map(one_line, _lines(plan, offer, args)):
        say(line)
    return 0


def _offer(app: "App", args: argparse.Namespace, plan: "Plan") -> "Offer | None":
    """Return what the registry has, if `run` would ask it, and it tells."""
    from deploykit.protocols import PullPolicy

    if plan.pull is PullPolicy.never or (plan.pull is PullPolicy.missing and plan.image):
        return None
    try:
        return app.offer(args.tag, image=args.image)
    except (ConfigError, RegistryFailed):  # a plan is made all the same: `check` says what is wrong with it
        return None


def _document(plan: "Plan", offer: "Offer | None") -> dict[str, Any]:
    from dataclasses import fields

    from deploykit.observers.json import plain, release_document

    found = {one.name: plain(getattr(plan, one.name)) for one in fields(plan)}
    at_hand = {"digest": plan.image.digest, "image_id": plan.image.id} if plan.image else None
    return found | {
        "event": "plan",
        "image": plan.asked.name,
        "at_hand": at_hand,
        "offered": {"digest": offer.image.digest, "size": offer.size} if offer else None,
        "serving": release_document(plan.serving),
        "instances": [one.name or one.id for one in plan.instances],
        "failed": plan.failed.id if plan.failed else None,
    }


def _lines(plan: "Plan", offer: "Offer | None", args: argparse.Namespace) -> Iterator[str]:
    yield f"{titled(plan.app, args)}: what `run` would do; nothing is changed now"
    yield f"  deploys    {plan.asked.name}  {_at_hand(plan)}"
    if plan.failed and plan.failed.failure:
        yield f"  failed     when it was last tried, in {plan.failed.id}: {plan.failed.failure.summary}"
    yield f"  pulls      {_pulls(plan, offer)}"
    if plan.command:
        yield "  before     the release command, in a one-off of the new image; when it fails, nothing is touched"
    if plan.rehearse:
        yield "  before     a rehearsal: one instance must prove itself beside what serves"
    yield f"  replaces   {_replaces(plan)}"
    yield f"  a failure  {_failure(plan)}"


def _at_hand(plan: "Plan") -> str:
    if plan.image is None:
        return "not at hand yet"
    return f"at hand: {plan.image.digest or plan.image.id}"


def _pulls(plan: "Plan", offer: "Offer | None") -> str:
    if offer is None:
        return {
            "always": "the registry is asked whether it has a newer one" if plan.image else "it from the registry",
            "missing": "nothing: it is at hand" if plan.image else "it from the registry",
            "never": "nothing" if plan.image else "nothing, and fails: it is not at hand, and pull is 'never'",
        }[plan.pull.value]
    if plan.image and plan.image.digest == offer.image.digest:
        return "nothing: the registry has what is at hand"
    size = "" if offer.size is None else f": {mib(offer.size)} at most, compressed; layers that are here are not pulled"
    return f"{'a newer one' if plan.image else 'it'} from the registry{size}"


def _replaces(plan: "Plan") -> str:
    if plan.serving is None:
        return "nothing: nothing serves"
    named = ", ".join(one.name or one.id for one in plan.instances)
    serves = f"{plan.serving.image.name} ({plan.serving.id or 'not in the history'}): {named}"
    if plan.unchanged:
        return f"nothing, when the registry has no newer one and all probes pass: it serves already, in {named}"
    if plan.beside:
        return f"{serves}; they go when all new ones, beside them, are healthy"
    return f"{serves}; in place, with a short gap"


def _failure(plan: "Plan") -> str:
    if plan.restore is None:
        return "is left as it is: going back is switched off, or there is nothing to go back to"
    back = f"{plan.restore.image.name} ({plan.restore.id or 'as it runs now'})"
    if plan.barrier:
        return f"is not gone back from to {back}: {plan.barrier.image.name} is irreversible"
    return f"goes back to {back}"
