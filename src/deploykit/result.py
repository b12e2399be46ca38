"""What a deployment came to, for scripts and for people."""

from collections.abc import Sequence
from dataclasses import dataclass

from deploykit.errors import DeploymentFailed, Outcome
from deploykit.page import page
from deploykit.record import Failure, Kind, Move, Record
from deploykit.release import ImageRef, Release
from deploykit.report import Report, report_of
from deploykit.states import TERMINAL, State

_IN_WORDS = {
    Outcome.deployed: "{image} was deployed",
    Outcome.unchanged: "{image} serves already, and is healthy: nothing was changed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a deployment ended. A bad release does not raise: look at `outcome`, or end a script with `exit_code`.

    `release` is the one asked for, once it was known; `serving` the release of record that runs now; `previous` what
    `rollback` would bring back; `transitions` the moves of the machine in order; `duration` is in seconds. `barrier` is
    the irreversible release that going back by itself would have gone across. `report` is the story of a failure, None
    of what ended well.
    """

    id: str
    kind: Kind
    image: ImageRef
    outcome: Outcome
    state: State
    exit_code: int
    release: Release | None
    serving: Release | None
    previous: Release | None
    barrier: Release | None
    failure: Failure | None
    restore_failure: Failure | None
    transitions: Sequence[Move]
    duration: float
    report: Report | None = None

    @property
    def finished(self) -> bool:
        """Whether the journal knows its end: not when the process died, or the engine went away."""
        return self.state in TERMINAL

    @property
    def ok(self) -> bool:
        """Whether the release asked for serves, checked healthy."""
        return self.exit_code == 0

    def explain(self) -> str:
        """Return the whole story on one screen: what failed, what serves, what to do."""
        if self.report:
            return "\n".join(page(self.report))
        lines = [f"{self.id}: {_IN_WORDS[self.outcome].format(image=self.image.name)}."]
        lines.append(f"  serves now: {self.serving.image.name if self.serving else 'unknown; see deploykit status'}")
        if self.previous:
            lines.append(f"  `deploykit rollback` brings back: {self.previous.image.name} ({self.previous.id})")
        return "\n".join(lines)

    def raise_for_outcome(self) -> None:
        """Raise DeploymentFailed, with the exit code, unless the release asked for serves."""
        if not self.ok:
            hint = self.failure.hint if self.failure else ""
            raise DeploymentFailed(self.explain(), exit_code=self.exit_code, hint=hint)


def result_of(
    record: Record,
    moves: Sequence[Move],
    *,
    now: float,
    serving: Release | None = None,
    previous: Release | None = None,
    exit_code: int | None = None,
) -> Result:
    """Return the result of a deployment; one that has not ended is unfinished, and what serves then is not said.

    `serving`: what is seen to serve, for a deployment that ended before it looked.
    """
    outcome = record.outcome or Outcome.unfinished
    code = record.exit_code if record.outcome else outcome.exit_code
    return Result(
        id=record.id,
        kind=record.kind,
        image=record.candidate.image if record.candidate else record.asked,
        outcome=outcome,
        state=record.state,
        exit_code=code if exit_code is None else exit_code,
        release=record.candidate,
        serving=(record.serving or serving) if record.outcome else None,
        previous=previous,
        barrier=record.barrier,
        failure=record.failure,
        restore_failure=record.restore_failure,
        transitions=moves,
        duration=(record.finished_at or now) - record.started_at,
        report=None if outcome in _IN_WORDS else report_of(record, moves, previous=previous),
    )
