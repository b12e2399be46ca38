"""A case: what is measured, and the sheet on which it is noted down, round by round."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from benchmarks.results import Measure, Series

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.arena import Arena

T = TypeVar("T")


@dataclass
class Sheet:
    """The samples of a case, by measure and series."""

    count: int
    samples: dict[str, dict[str, Series]] = field(default_factory=dict)

    def rounds(self) -> Iterator[int]:
        """Yield the numbers of the rounds, from 0."""
        for number in range(self.count):
            print(f"  round {number + 1} of {self.count}", flush=True)
            yield number

    def note(self, measure: str, series: str, value: float | None) -> None:
        """Note a sample."""
        self.samples.setdefault(measure, {}).setdefault(series, []).append(value)

    def values(self, measure: str, series: str) -> list[float]:
        """Return the samples of a series that have a value."""
        return [value for value in self.samples[measure][series] if value is not None]

    def filled(self, measure: Measure) -> Measure:
        """Return a measure with its samples."""
        rounded = {
            series: [None if value is None else round(value, 4) for value in values]
            for series, values in self.samples.get(measure.name, {}).items()
        }
        return replace(measure, samples=rounded)


class Run(Protocol):
    """Runs a case: sets up, and then in every round of the sheet measures each contender once."""

    def __call__(self, arena: Arena, sheet: Sheet, /) -> None: ...


@dataclass(frozen=True)
class Case:
    """Something to measure. `at_least` rounds are run, however few are asked for, unless it is only tried."""

    name: str
    title: str
    about: str
    measures: tuple[Measure, ...]
    run: Run
    at_least: int = 1


def in_turn(contenders: Sequence[T], number: int) -> list[T]:
    """Return the contenders in the order of a round: each comes first in its turn."""
    first = number % len(contenders)
    return [*contenders[first:], *contenders[:first]]
