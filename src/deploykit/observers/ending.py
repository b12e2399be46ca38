"""The last lines of a deployment: what came of it. What failed is told in full by the page behind them."""

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
_DONE = {Kind.deploy: "Deploy completed successfully", Kind.rollback: "Rollback completed successfully"}


def ending(event: Finished) -> Iterator[Line]:
    """Yield the last lines of a deployment."""
    verdict = _VERDICTS.get(event.outcome)
    if verdict and (verdict[0] == "error" or not event.exit_code):  # else the page says it
        yield verdict[0], verdict[1].format_map(_words(event))
    if done := _done(event):
        yield "info", done


def named(release: Release | None) -> str:
    """Return a release as people know it, with its id."""
    if release is None:
        return "nothing"
    return f"{release.image.name} ({release.id})" if release.id else release.image.name


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
        "left_because": _left_because(event),
    }


def _left_because(event: Finished) -> str:
    if event.barrier:
        return f"{named(event.barrier)} is marked irreversible, and only --force goes back across it"
    return "going back by itself is switched off"
