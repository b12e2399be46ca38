"""A deployment on the fake, told as a story: what a failed assertion explains itself with."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum

from deploykit.errors import Outcome
from deploykit.record import Failure, Move, Record
from deploykit.states import State


@dataclass(frozen=True, slots=True)
class Story:
    """One deployment: what it was, the moves that it made, and how it ended. `str` tells it in full."""

    record: Record
    moves: Sequence[Move]

    @property
    def states(self) -> tuple[str, ...]:
        """The states that it went through, in order, `pending` first."""
        return ("pending", *(move.target.name for move in self.moves))

    @property
    def tag(self) -> str | None:
        """The tag that was asked for, or gone back to."""
        return (self.record.candidate.image if self.record.candidate else self.record.asked).tag

    @property
    def message(self) -> str:
        """What it was said to be for."""
        return self.record.options.message

    @property
    def outcome(self) -> Outcome:
        """How it ended."""
        return self.record.outcome or Outcome.unfinished

    @property
    def exit_code(self) -> int:
        """What a script should have ended with."""
        return self.record.exit_code if self.record.outcome else self.outcome.exit_code

    @property
    def failure(self) -> Failure | None:
        """What failed, if anything did."""
        return self.record.failure

    def assert_went(self, *states: str | State) -> None:
        """Check that it went through these states one after the other, nothing between them."""
        __tracebackhide__ = True
        if not states:
            raise ValueError("name the states that it is to have gone through")
        wanted = tuple(map(state_name, states))
        runs = [self.states[at : at + len(wanted)] for at in range(len(self.states))]
        if wanted not in runs:
            raise AssertionError(f"{self.record.id} did not go {' → '.join(wanted)}\n\n{self}")

    def assert_outcome(self, outcome: str | Outcome) -> None:
        """Check how it ended."""
        __tracebackhide__ = True
        wanted = Outcome[_known("outcome", outcome, Outcome)]
        if self.outcome is not wanted:
            raise AssertionError(f"{self.record.id} was to end {wanted.name}, and ended {self.outcome.name}\n\n{self}")

    def __str__(self) -> str:
        asked = f"{self.record.id}: {self.record.kind.name} of {self.record.asked.repository}:{self.tag}"
        lines = [f"{asked}: {self.outcome.name}, exit {self.exit_code}"]
        for move in self.moves:
            lines.append(f"  {move.at - self.record.started_at:6.1f}s  {move.source.name} → {move.target.name}")
            lines += [f"           {line}" for line in self._why(move)]
        serving = self.record.serving
        return "\n".join(
            [*lines, f"           serves then: {serving.image.name if serving else 'nothing that it knows'}"]
        )

    def _why(self, move: Move) -> list[str]:
        failures = (self.record.failure, self.record.restore_failure)
        failure = next((one for one in failures if one and one.state is move.source), None)
        if failure is None or move.trigger.name != "fail":
            return []
        hint = [f"hint: {failure.hint}"] if failure.hint else []
        logs = [f"| {line}" for line in failure.logs.splitlines()]
        return [failure.summary, *hint, *failure.detail.splitlines(), *logs]


def told(stories: Sequence[Story]) -> str:
    """Return the stories of the last few deployments."""
    return "\n".join(str(story) for story in stories[-3:]) or "Nothing was deployed."


def state_name(state: str | State) -> str:
    """Return the name of a state; raises ValueError when there is none of that name."""
    return _known("state", state, State)


def _known(kind: str, said: str | Enum, of: type[Enum]) -> str:
    name = said.name if isinstance(said, Enum) else said
    names = [one.name for one in of]
    if name not in names:
        near = get_close_matches(name, names, n=1)
        meant = f"; did you mean {near[0]!r}?" if near else f"; there is {', '.join(names)}"
        msg = f"there is no {kind} {name!r}{meant}"
        raise ValueError(msg)
    return name
