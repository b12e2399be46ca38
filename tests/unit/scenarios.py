"""What is killed, and what must hold afterwards: shared by the tests of recovery."""

import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass

from deploykit.errors import Outcome
from deploykit.record import Record
from deploykit.release import Release
from deploykit.result import Result
from deploykit.stack import fold, rollback_target
from deploykit.testing import Moment
from tests.unit.world import World, name


@dataclass(frozen=True)
class Scenario:
    """Something that is killed: what served before is "two", after "zero" and "one"; the candidate is "three"."""

    title: str
    act: Callable[[World], object]
    bad: bool = False
    rolling: bool = False
    prepares: bool = False
    batches: bool = False
    kept: bool = False
    rehearses: bool = False
    first: bool = False
    by_hand: bool = False

    def world(self) -> World:
        return _served(self).copy()

    def served(self) -> World:
        world = World()
        world.backend.strategy = "rolling" if self.rolling else "recreate"
        if self.prepares:
            world.backend.release_command = True
            world.rehearse = not self.rolling
        world.rehearse = world.rehearse or self.rehearses
        if self.batches:
            world.backend.replicas, world.backend.parallelism = 3, 1
        world.auto = not self.kept
        if self.by_hand:
            world.backend.serving("two")
        elif not self.first:
            world.good("zero", "one", "two")
        if self.bad:
            world.backend.release("three").crashes()
        return world

    def __str__(self) -> str:
        return self.title


@functools.cache
def _served(scenario: Scenario) -> World:
    return scenario.served()


def deploy(world: World) -> Result:
    return world.deploy("three")


def rollback(world: World) -> Result:
    return world.rollback()


DEPLOYS = [
    Scenario("good", deploy),
    Scenario("good, prepared", deploy, prepares=True),
    Scenario("bad", deploy, bad=True),
    Scenario("good, rolling", deploy, rolling=True),
    Scenario("bad, rolling", deploy, bad=True, rolling=True),
    Scenario("good, prepared, rolling in batches", deploy, rolling=True, prepares=True, batches=True),
    Scenario("bad, rolling in batches", deploy, bad=True, rolling=True, batches=True),
    Scenario("bad, rolling, kept", deploy, bad=True, rolling=True, kept=True),
    Scenario("bad, rolling in batches, kept", deploy, bad=True, rolling=True, batches=True, kept=True),
]
ROLLBACKS = [
    Scenario("back", rollback),
    Scenario("back, rolling", rollback, rolling=True),
    Scenario("back, rolling in batches", rollback, rolling=True, batches=True),
]


MORE = [
    Scenario("first", deploy, first=True),
    Scenario("first, bad", deploy, first=True, bad=True),
    Scenario("over what was started by hand", deploy, by_hand=True),
    Scenario("bad, over what was started by hand", deploy, by_hand=True, bad=True),
    Scenario("bad, rehearsed", deploy, rehearses=True, bad=True),
    Scenario("the same again", lambda world: world.deploy("two")),
    Scenario("anew", lambda world: world.deploy("two", force=True)),
    Scenario("anew, rolling", lambda world: world.deploy("two", force=True), rolling=True),
    Scenario("bad, left", lambda world: world.deploy("three", rollback=False), bad=True),
    Scenario("irreversible, bad", lambda world: world.deploy("three", irreversible=True), bad=True),
    Scenario("back to one that is named", lambda world: world.rollback("zero")),
    Scenario("back with today's files", lambda world: world.rollback(files="current")),
]


LEFT = {Outcome.left_unhealthy, Outcome.no_target}
"""Ends in which what failed is left as it is: dead, here."""


def agree(world: World) -> None:
    """What the journal says, what runs, and the tag file agree, nothing is left unfinished, and no target is lost."""
    if not world.rows:
        return
    last = world.last
    assert last.ended
    assert all(row.ended for row in world.rows)
    assert world.state.lock.holder() is None
    if last.serving is None:
        assert last.outcome in {Outcome.untouched, Outcome.interrupted}
        return
    alive = [one for one in world.backend.instances(last.serving) if one.alive]
    assert not world.backend.others(last.serving)
    if last.outcome in LEFT:
        return
    assert len(alive) == world.backend.replicas
    assert set(world.serves) == {name(last.serving)}
    assert last.beside or world.backend.present == world.backend.living(), "what is dead is left behind"
    assert world.tag_file in expected_tags(world, last.serving)
    targets_are_kept(world, last.serving)


def targets_are_kept(world: World, serving: Release) -> None:
    """What serves and what is gone back to has its files and survives a prune; it once was healthy, or was found."""
    target = rollback_target(fold(reversed(world.rows)), serving)
    healthy = {row.candidate.id for row in world.rows if row.candidate and row.good}
    found = {row.current.id for row in world.rows if row.adopted and row.current_healthy and row.current}
    world.backend.prune()
    for release in (serving, target):
        if release:
            assert release.id in world.state.files.kept
            assert world.backend.store.find(release.image)
    assert target is None or target.id in healthy | found


def expected_tags(world: World, serving: Release) -> set[str | None]:
    """What the tag file may say: the target; without one what serves, when there is a file at all."""
    target = rollback_target(fold(reversed(world.rows)), serving)
    return {name(target)} if target else {name(serving), None}


def kills(scenario: Scenario) -> "itertools.chain[tuple[World, Moment, Record | None]]":
    """Yield the world as it is after a kill at each moment, with the row that was left."""
    return itertools.chain.from_iterable(
        itertools.takewhile(bool, (kill(scenario, number) for number in itertools.count()))
    )


def kill(scenario: Scenario, number: int) -> list[tuple[World, Moment, Record | None]]:
    world = scenario.world()
    before = world.rows[0].number if world.rows else 0
    moment = world.killed_at(number, lambda: scenario.act(world))
    return [(world, moment, world.rows[0] if world.rows and world.rows[0].number > before else None)] if moment else []
