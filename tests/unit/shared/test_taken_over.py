"""A machine that stands still in the middle of a deploy, is taken over by another, and goes on as if nothing had been.

At every moment there is: before and after each call of the runtime and each write, and in the middle of a start.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import pytest

from deploykit.errors import DeploykitError, Locked, Outcome
from deploykit.events import Event, Failed, Moved, Warned
from deploykit.record import Record
from deploykit.result import Result
from deploykit.states import UNTOUCHED, State
from deploykit.testing import Moment
from tests.unit.shared.machines import LEASE, Machines

Note = Callable[[str, object], None]


def stages(folder: Path) -> Iterator[Machines]:
    """Yield fresh machines, where `one` serves."""
    for number in itertools.count():
        machines = Machines(folder / str(number))
        machines.backend.replicas = 2
        machines.app("here").deploy("one")
        yield machines


def at_moment(number: int, machines: Machines, run: Callable[[], Result], do: Callable[[], object]) -> Result | None:
    """Run it, do something at its moment of that number, and return what came of it; None: it was refused."""
    count = itertools.count()

    def hook(moment: Moment) -> None:
        if next(count) == number:
            machines.moments.hooks.remove(hook)
            do()

    machines.moments.hooks.append(hook)
    try:
        return run()
    except DeploykitError as error:
        assert isinstance(error, Locked), error  # noqa: PT017 - only what is refused
        return None


@dataclass
class TakenOver:
    """What there was when another machine took over, and what it left."""

    held: bool = False
    over: bool = False
    serves: list[str] = field(default_factory=list)
    rows: list[Record] = field(default_factory=list)


def take_over(machines: Machines, then: str) -> TakenOver:
    """Let the other machine have the lock, and do what it does."""
    found = TakenOver(
        held=machines.state("there").lock.holder() is not None,
        over=any(one.asked.tag == "two" and one.ended for one in machines.history("there")),
    )
    machines.clock.suspend(LEASE)
    there = machines.app("there")
    if then == "recover":
        there.recover()
    else:
        there.deploy("three")
    found.serves, found.rows = list(machines.serves), machines.history("there")
    return found


@pytest.mark.parametrize(
    ("release", "strategy", "then"), [("good", "rolling", "deploy"), ("crashes", "recreate", "recover")]
)
def test_a_holder_that_was_taken_over_changes_nothing_more(
    tmp_path: Path, release: str, strategy: Literal["recreate", "rolling"], then: str, record_property: Note
) -> None:
    """What the other made of it stays, the journal is whole, and who stood still says that it lost the lock."""
    tried = lost = 0
    for number, machines in enumerate(stages(tmp_path)):
        machines.backend.strategy = strategy
        if release == "crashes":
            machines.backend.release("two").crashes(after=1, exit_code=1)
        found: list[TakenOver] = []
        deploy = partial(machines.app("here").deploy, "two")
        result = at_moment(number, machines, deploy, lambda to=machines, at=found: at.append(take_over(to, then)))  # type: ignore[misc]
        if not found:
            break
        tried += 1
        if found[0].held and not found[0].over:
            lost += 1
            assert result is None or result.outcome is Outcome.unfinished
            assert machines.serves == found[0].serves
            warned = [one.text for one in machines.events["here"] if isinstance(one, Warned)]
            assert all(one.startswith(("the lock was taken over", "row.")) for one in warned), warned
            # What was on its way when the lock was looked at may still come: then it is a row that has touched nothing.
            late = [one for one in machines.history("there") if one not in found[0].rows]
            assert all(one.state in UNTOUCHED for one in late)
        assert len(set(machines.serves)) == 1
        assert machines.app("any").deploy("four").outcome is Outcome.deployed
        assert all(one.ended for one in machines.history("any"))
    assert lost > tried / 2
    record_property("cases", tried)


@pytest.mark.parametrize(("state", "renews"), [(State.starting, False), (State.checking, True)])
def test_who_lost_the_lock_tells_of_no_failure(machines: Machines, state: State, *, renews: bool) -> None:
    """Neither of the release, nor of an interrupt: by the next command, or by a renewal while it waits."""
    machines.app("here").deploy("one")

    def lose(event: Event) -> None:
        if isinstance(event, Moved) and event.target is state:
            take_over(machines, "recover")
            held = machines.states["here"].lock.held
            assert held
            if renews:
                held.renew()

    assert machines.app("here").deploy("two", on_event=lose).outcome is Outcome.unfinished
    told = [one for one in machines.events["here"] if isinstance(one, Failed | Warned)]
    assert [type(one) for one in told] == [Warned]
    assert "the lock was taken over" in str(told[0])
