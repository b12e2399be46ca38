"""The last lines of a deployment: what came of it, what serves now, and what to type next."""

from collections.abc import Iterator
from typing import Literal

from deploykit.errors import Outcome
from deploykit.events import Finished
from deploykit.record import Kind
from deploykit.release import Release
from deploykit.states import State

Level = Literal["debug", "info", "warning", "error"]
Line = tuple[Level, str]

_VERDICTS: dict[Outcome, Line] = {
    Outcome.deployed: ("info", "{serving} serves, healthy after {duration:.1f}s"),
    Outcome.unchanged: ("info", "{serving} serves already, and is healthy: nothing was changed"),
    Outcome.rolled_back: ("info", "{serving} serves again; {image} failed"),
    Outcome.restore_failed: ("error", "ERROR: LOOK NOW: {image} failed, and so did going back"),
    Outcome.left_unhealthy: ("error", "ERROR: LOOK NOW: {image} failed, and was left as it is: {left_because}"),
    Outcome.no_target: ("error", "ERROR: {image} failed, and there was nothing to go back to: it was left as it is"),
    Outcome.unfinished: ("error", "ERROR: LOOK NOW: {id} is not finished, it is in {state}"),
}
_UNTOUCHED: Line = ("info", "Nothing was touched: {still}")
_STOPPED: Line = ("info", "{serving} serves again; {image} was interrupted")
_DONE = {Kind.deploy: "Deploy completed successfully", Kind.rollback: "Rollback completed successfully"}


def ending(event: Finished) -> Iterator[Line]:
    """Yield the last lines of a deployment."""
    level, template = _verdict(event)
    yield level, template.format_map(_words(event))
    if event.exit_code:
        yield "info", f"Next: {_next(event)}"
    if done := _done(event):
        yield "info", done


def named(release: Release | None) -> str:
    """Return a release as people know it, with its id."""
    if release is None:
        return "nothing"
    return f"{release.image.name} ({release.id})" if release.id else release.image.name


def _verdict(event: Finished) -> Line:
    if event.outcome is Outcome.interrupted and event.state is State.rolled_back:
        return _STOPPED
    return _VERDICTS.get(event.outcome, _UNTOUCHED)


def _done(event: Finished) -> str | None:
    """Return the runbook's last line: only for what is over, and in the journal."""
    if event.outcome is Outcome.unfinished:
        return None
    if event.state is State.healthy:
        return _DONE[event.kind]
    return _DONE[Kind.rollback] if (event.state, event.kind) == (State.rolled_back, Kind.deploy) else None


def _words(event: Finished) -> dict[str, object]:
    return {
        "id": event.id,
        "image": event.image.name,
        "serving": named(event.serving),
        "state": event.state.name,
        "duration": event.duration,
        "still": f"{named(event.serving)} still serves" if event.serving else "nothing is known to serve",
        "left_because": _left_because(event),
    }


def _left_because(event: Finished) -> str:
    if event.barrier:
        return f"{named(event.barrier)} is marked irreversible, and only --force goes back across it"
    return "going back by itself is switched off"


def _next(event: Finished) -> str:
    rollback = "deploykit rollback" + (" --force" if event.barrier else "")
    match event.outcome:
        case Outcome.unfinished:
            return "`deploykit recover` goes on with it; `deploykit status` shows what runs"
        case Outcome.restore_failed if event.previous:
            return f"`{rollback}` tries again; `deploykit status` shows what runs"
        case Outcome.left_unhealthy if event.previous:
            return f"`{rollback}` brings back {named(event.previous)}"
        case Outcome.restore_failed | Outcome.left_unhealthy | Outcome.no_target:
            return "`deploykit run --tag TAG` deploys one that works"
        case _:
            return f"mend it and deploy again; `deploykit history {event.id}` tells what happened"
