"""`deploykit status`."""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from deploykit.cli.app import command, opened, titled
from deploykit.cli.output import say
from deploykit.observers.json import dump, hold_document, release_document
from deploykit.text import iso, one_line

if TYPE_CHECKING:
    from deploykit.protocols import Holder
    from deploykit.release import Instance, Release
    from deploykit.status import Status

WORDS = ""
_PIN = len("sha256:") + 12
"""Characters of a digest that are shown, which is enough to know it by; JSON has all of it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `status`: none of its own."""


def run(args: argparse.Namespace) -> int:
    """Show what runs."""
    with opened(args) as app:
        status = app.status()
    if args.json:
        say(dump({**_document(status), "target": app.target}))
    else:
        for line in _lines(status, args):
            say(one_line(line))
    return 0 if status.ok else 1


def _document(status: "Status") -> dict[str, Any]:
    return {
        "app": status.app,
        "state": status.state.name if status.state else None,
        "outcome": status.outcome.name if status.outcome else None,
        "current": release_document(status.current),
        "candidate": release_document(status.candidate),
        "previous": _previous(status),
        "instances": [instance_document(one) for one in status.instances],
        "lock": _lock(status.lock),
        "hold": hold_document(status.hold),
        "protected": sorted(status.protected),
        "drift": release_document(status.recorded) if status.drifted else None,
    }


def _previous(status: "Status") -> dict[str, Any] | None:
    found = release_document(status.previous)
    return found and {**found, "at_hand": status.previous_at_hand}


def instance_document(one: "Instance") -> dict[str, Any]:
    """Return an instance as an object; of a runtime with several machines also where it is, and what is wrong."""
    spread = {"node": one.node or None, "error": one.error or None} if one.node or one.error else {}
    return {
        "id": one.id,
        "service": one.service,
        "status": one.status,
        "health": one.health,
        "exit_code": one.exit_code,
        "restarts": one.restarts,
        "started_at": iso(one.started_at),
        **spread,
    }


def _lock(holder: "Holder | None") -> dict[str, Any] | None:
    if holder is None:
        return None
    return {"pid": holder.pid, "by": holder.by, "since": iso(holder.since), "doing": holder.doing}


def _lines(status: "Status", args: argparse.Namespace) -> Iterator[str]:
    yield f"{titled(status.app, args)}: {_last(status)}"
    yield from _releases(status)
    for one in status.instances:
        yield f"  instance   {_instance_line(one)}"
    if status.hold:
        hold = status.hold
        yield f"  held       by {hold.by}, since {iso(hold.since)}: {hold.why} (`{command(args, 'unhold')}`)"
    if status.lock:
        held = status.lock
        yield f"  lock       pid {held.pid}, {held.by}, since {iso(held.since)} ({held.doing})"
    elif status.state and status.outcome is None:
        yield f"  look now   the last deployment was left half-way: `{command(args, 'recover')}` finishes it"


def _releases(status: "Status") -> Iterator[str]:
    yield f"  current    {_release(status.current)}"
    if status.drifted and status.recorded:
        runs = status.current.image.name if status.current else "nothing"
        yield f"  look now   runs {runs}, the journal says {status.recorded.image.name} ({status.recorded.id})"
    if status.candidate:
        yield f"  candidate  {_release(status.candidate)}"
    yield f"  previous   {_release(status.previous)}"
    if status.tag_file_problem:
        yield f"  look now   {status.tag_file_problem}: write one tag into it, or delete it"
    if status.previous_at_hand is False:
        yield "  look now   the previous release is not at hand: its image, or its files, are gone from this machine"


def _last(status: "Status") -> str:
    if status.state is None:
        return "never deployed"
    more = status.outcome.name if status.outcome and status.outcome.name != status.state.name else ""
    return f"the last deployment is {status.state.name}" + (f" ({more})" if more else "")


def _release(release: "Release | None") -> str:
    if release is None:
        return "nothing"
    pin = (release.image.digest or release.image.id or "not pinned")[:_PIN]
    return f"{release.image.name}  {release.id or 'not in the history'}  {pin}"


def _instance_line(one: "Instance") -> str:
    health = f", {one.health}" if one.health else ""
    restarts = f", restarted {one.restarts} times" if one.restarts else ""
    since = f", since {iso(one.started_at)}" if one.started_at else ""
    node = f", on {one.node}" if one.node else ""
    error = f": {one.error}" if one.error else ""
    return f"{one.service}  {one.name or one.id}  {one.status}{health}{restarts}{since}{node}{error}"
