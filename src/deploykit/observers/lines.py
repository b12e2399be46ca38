"""The story of a deployment in the runbook's lines. Scripts and people rely on them word for word."""

import re
from collections.abc import Iterator
from urllib.parse import unquote

from deploykit.events import (
    Adopted,
    CommandStarted,
    Event,
    Failed,
    Faltered,
    FilesDiffer,
    Finished,
    GoingBack,
    HookOutput,
    HookStarted,
    Looked,
    Moved,
    Output,
    Progress,
    Pulled,
    RehearsalStarted,
    Restoring,
    Resumed,
    Saved,
    Sight,
    Started,
    Warned,
    WatchEnded,
    Watching,
)
from deploykit.observers.ending import Line, ending
from deploykit.page import Command, page, plainly, short
from deploykit.record import Failure, Kind
from deploykit.release import ImageRef, Release
from deploykit.states import State
from deploykit.text import lasting, mib, minute, one_line

HEARTBEAT = 10.0
CI_HEARTBEAT = 5.0
"""Seconds between two lines of a wait that does not come to an end."""
_STEPS = {
    State.starting: "Starting containers...",
    State.checking: "Smoke check...",
    State.promoting: "Retiring what served before...",
}
_SIGHTS: dict[Sight, Line] = {
    Sight.healthy: ("info", "Still healthy after {elapsed:.0f}s"),
    Sight.superseded: ("info", "Another deployment has begun: no longer watching, after {elapsed:.0f}s"),
    Sight.stopped: ("info", "No longer watching, as asked, after {elapsed:.0f}s"),
    Sight.unseen: ("warning", "WARNING: the runtime did not answer when the {elapsed:.0f}s were over"),
}
# Told by the core in these words; they are no errors.
_INTERRUPTED = re.compile(r"Interrupted by (\w+)")
_GIVEN_UP = re.compile(r"(Given up|Abandoned) in ")


class Narrator:
    """Turns events into lines. It remembers what it must to tell why something is restored.

    Of a wait it tells every `heartbeat` seconds.

    `command` returns how a verb is typed, for the page of a failure. `target` is which of a config file's.
    """

    def __init__(self, command: Command = plainly, heartbeat: float = HEARTBEAT, target: str | None = None) -> None:
        self._command = command
        self._heartbeat = heartbeat
        self._target = target
        self._kind = Kind.deploy
        self._failure: Failure | None = None
        self._restoring: Release | None = None
        self._told = 0.0
        self._step: State | None = None
        self._watching: Watching | None = None

    def __call__(self, event: Event) -> Iterator[Line]:
        """Yield the lines of an event, none for most."""
        for level, text in self._lines(event):
            yield level, one_line(text)

    def _lines(self, event: Event) -> Iterator[Line]:  # noqa: C901 - one line for each kind of event
        match event:
            case Started():
                yield from self._started(event)
            case Resumed():
                yield from self._resumed(event)
            case Adopted():
                yield from _adopted(event)
            case Saved() if self._kind is Kind.deploy:
                yield "info", f"Saved current version for rollback: {short(event.release.image)}"
            case Moved():
                yield from self._moved(event)
            case Progress():
                yield "debug", event.line
            case CommandStarted():
                yield "info", "Running release command..."
            case RehearsalStarted():
                yield "info", "Rehearsing beside what serves..."
            case HookStarted():
                yield "info", f"Running hook {event.hook}..."
            case Output() | HookOutput():
                yield "info", f"| {event.line}"
            case Pulled():
                yield "info", _pulled(event)
            case Looked():
                yield from self._looked(event)
            case Warned():
                yield "warning", f"WARNING: {event.text}"
            case Failed():
                yield from self._failed(event.failure)
            case GoingBack():
                yield "info", _from_to(event)
            case Restoring():
                yield from self._restore(event)
            case FilesDiffer():
                others = ", ".join(map(unquote, event.parts))
                yield "info", f"With the files of {event.release.id}, as they were; today's are others: {others}"
            case Watching():
                yield from self._begin_watching(event)
            case Faltered():
                count = f"look {event.failing} of {event.enough} that failed"
                yield "warning", f"WARNING: Not healthy after {event.elapsed:.0f}s ({count}): {event.reason}"
            case WatchEnded() if event.sight in _SIGHTS:
                level, text = _SIGHTS[event.sight]
                yield level, text.format(elapsed=event.elapsed)
            case Finished():
                yield from self._finished(event)
            case _:
                return

    def _started(self, event: Started) -> Iterator[Line]:
        fallen = self._failure if self._watching else None
        yield from self._begin(event.kind)
        if fallen:
            yield "info", "Auto-rollback triggered due to health check failure"
        if event.kind is Kind.deploy:
            yield "info", f"Using image: {event.image.name}"
        else:
            yield from _rolling_back_to(event.image)

    def _resumed(self, event: Resumed) -> Iterator[Line]:
        yield from self._begin(event.kind)
        self._step = event.state
        what = f"a {event.kind.name} of {event.image.name}"
        yield "info", f"Finishing {event.id}, {what} that was killed in {event.state.name}"

    def _begin(self, kind: Kind) -> Iterator[Line]:
        self._kind, self._failure, self._restoring, self._told = kind, None, None, 0.0
        if self._target:
            yield "info", f"Target: {self._target}"

    def _begin_watching(self, event: Watching) -> Iterator[Line]:
        self._watching, self._failure = event, None
        how_long = "until interrupted" if event.seconds is None else f"for {event.seconds:g}s"
        yield "info", f"Watching {short(event.release.image)} {how_long}..."

    def _finished(self, event: Finished) -> Iterator[Line]:
        watching = self._watching
        if watching and event.id != watching.id:
            return  # a rollback from what is watched: what that came to is told at the end
        self._watching = None
        if watching and watching.by_hand and not event.exit_code:
            return  # it has been told how watching ended, and nothing was deployed
        yield from ending(event)
        if event.report and event.exit_code:
            for line in page(event.report, self._command):
                yield "info", line

    def _moved(self, event: Moved) -> Iterator[Line]:
        self._told = 0.0
        if event.target in _STEPS and event.target is not self._step:
            yield "info", _STEPS[event.target]
        elif event.target is State.pulling:
            yield "info", "Pulling..."
        self._step = event.target

    def _smoke_check(self) -> Iterator[Line]:
        """Tell that it has begun when it did so before all were started: a part of them is judged by itself."""
        if self._step is State.starting:
            self._step = State.checking
            yield "info", _STEPS[State.checking]

    def _looked(self, event: Looked) -> Iterator[Line]:
        yield from self._smoke_check()
        if event.healthy:
            return
        if event.elapsed - self._told >= self._heartbeat:
            self._told = event.elapsed
            yield "info", f"Not healthy yet, {event.elapsed:.0f}s of {event.budget:g}s: {event.reason}"

    def _failed(self, failure: Failure) -> Iterator[Line]:
        self._failure, self._told = failure, 0.0
        if failure.dead:
            yield from self._smoke_check()
        if _INTERRUPTED.match(failure.summary) or _GIVEN_UP.match(failure.summary):
            yield "info", failure.summary
        elif failure.state is State.rolling_back:
            yield "error", f"ERROR: Rollback failed: {failure.summary}"
        else:
            yield "error", f"ERROR: {failure.summary}"
        if failure.detail and (failure.dead or failure.summary.startswith("Health check failed")):
            yield "info", f"Last answer: {failure.detail}"

    def _restore(self, event: Restoring) -> Iterator[Line]:
        if event.release == self._restoring:
            return  # the engine went away in between, and it begins again
        self._restoring = event.release
        yield "info", self._why()
        if self._kind is Kind.deploy:
            yield from _rolling_back_to(event.release.image)
        else:
            yield "info", f"Restoring what served before: {event.release.image.name}"

    def _why(self) -> str:
        failure = self._failure
        if failure is None:
            return "Going on with going back"
        if interrupted := _INTERRUPTED.match(failure.summary):
            return f"Restoring after {interrupted[1]}"
        if _GIVEN_UP.match(failure.summary):
            return "Restoring, as asked"
        if failure.dead or failure.looks or failure.state is State.checking:
            return "Auto-rollback triggered due to health check failure"
        return f"Auto-rollback triggered due to a failure in {failure.state.name}"


def _rolling_back_to(image: ImageRef) -> Iterator[Line]:
    yield "info", "ROLLBACK: Starting rollback to previous version..."
    yield "info", f"Rolling back to: {image.name}"


def _from_to(event: GoingBack) -> str:
    source, target = short(event.source.image), short(event.target.image)
    if event.served is not None:
        source += f" (served {lasting(event.served)})"
    if event.until is not None:
        long = "" if event.target_served is None else f"{lasting(event.target_served)} "
        target += f" (served {long}until {minute(event.until)})"
    return f"From {source} to {target}"


def _adopted(event: Adopted) -> Iterator[Line]:
    image = event.release.image.name
    if event.healthy:
        yield "info", f"Adopted what serves: {image}, healthy, as {event.release.id}"
    else:
        yield "warning", f"WARNING: what serves is not healthy: {image} ({event.reason})"


def _pulled(event: Pulled) -> str:
    size = "" if event.size is None else f", {mib(event.size)} unpacked"
    took = "" if event.took is None else f", in {event.took:.1f}s"
    return f"Pulled: {event.image.name} ({event.image.digest or event.image.id}){size}{took}"
