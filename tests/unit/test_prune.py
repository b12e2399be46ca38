"""Pruning takes what is old, and never what anybody could still need."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploykit.errors import ConfigError, NoSuchRelease, StepFailed
from deploykit.prune import Pruned
from tests.unit.world import World, name

TAGS = [f"t{number}" for number in range(1, 7)]


def removed(pruned: Pruned) -> list[str]:
    return [name(one) for one in pruned.removed]


def at_hand(world: World) -> set[str]:
    return {str(image.tag) for image in world.backend.store.at_hand.values()}


def test_the_newest_good_releases_stay() -> None:
    """With their images and their files; of older ones nothing but the history does."""
    world = World()
    world.good(*TAGS)
    pruned = world.app.prune(3)
    assert removed(pruned) == ["t3", "t2", "t1"]
    assert [name(one) for one in pruned.kept] == ["t6", "t5", "t4"]
    assert at_hand(world) == {"t6", "t5", "t4"}
    assert set(world.state.files.kept) == {"r6", "r5", "r4"}
    assert len(world.rows) == 6
    assert world.serves == ["t6"]


def test_pruning_again_removes_nothing() -> None:
    """What is gone is not told twice."""
    world = World()
    world.good(*TAGS)
    world.app.prune(3)
    assert removed(world.app.prune(3)) == []


@pytest.mark.parametrize("keep", [1, 2])
def test_two_good_releases_stay_whatever_is_asked_for(keep: int) -> None:
    """What serves, and what a rollback brings back, which then works."""
    world = World()
    world.good(*TAGS)
    world.app.prune(keep)
    assert at_hand(world) == {"t6", "t5"}
    world.backend.store.down = True
    assert world.rollback().exit_code == 0
    assert world.serves == ["t5"]


@pytest.mark.parametrize("keep", [0, -1])
def test_no_releases_to_keep_is_refused(keep: int) -> None:
    with pytest.raises(ConfigError, match="not a number of releases to keep"):
        World().app.prune(keep)


def test_as_many_as_the_app_says_stay_when_nobody_says_otherwise() -> None:
    """`[state] keep`."""
    world = World()
    world.good(*TAGS)
    assert removed(world.app.prune()) == []


def test_failed_releases_go() -> None:
    """But for what the last deployment tried: people look at it now."""
    world = World()
    world.good("one", "two")
    for tag in ("bad1", "bad2"):
        world.backend.release(tag).crashes()
        world.deploy(tag)
    assert removed(world.app.prune()) == ["bad1"]
    world.good("three")
    assert removed(world.app.prune()) == ["bad2"]


def test_a_protected_release_stays_until_it_is_not_protected() -> None:
    """It can be gone back to by its id, without a registry."""
    world = World()
    world.good(*TAGS)
    world.app.protect("t1")
    assert removed(world.app.prune(2)) == ["t4", "t3", "t2"]
    world.backend.store.down = True
    assert world.rollback("r1").exit_code == 0
    world.backend.store.down = False
    world.app.protect("r1", on=False)
    world.good("t7", "t8")
    assert "t1" in removed(world.app.prune(2))


def test_what_serves_is_protected_when_nothing_is_named() -> None:
    """And shows in the history's marks."""
    world = World()
    world.good("one")
    assert name(world.app.protect()) == "one"
    marks = world.app.marks()
    assert (marks.current, marks.target, set(marks.protected)) == ("r1", None, {"r1"})
    assert world.app.status().protected == {"r1"}


@pytest.mark.parametrize("named", ["nosuch", "r99", None])
def test_what_is_not_there_cannot_be_protected(named: str | None) -> None:
    with pytest.raises(NoSuchRelease):
        World().app.protect(named)


def test_what_deploykit_did_not_deploy_cannot_be_protected() -> None:
    """It has no id yet, and nothing prunes it."""
    world = World()
    world.backend.serving("zero")
    with pytest.raises(NoSuchRelease, match="was not deployed by deploykit"):
        world.app.protect()


def test_content_that_a_kept_release_has_too_stays() -> None:
    """Deployed anew it is another release of the same content."""
    world = World()
    world.good("one", "two", "three", "one")
    world.app.prune(2)
    assert at_hand(world) == {"one", "three"}


def test_what_served_before_deploykit_stays_as_long_as_it_is_gone_back_to() -> None:
    """An adopted release is a release."""
    world = World()
    world.backend.serving("zero")
    world.good("one")
    assert removed(world.app.prune(1)) == []
    world.good("two")
    assert removed(world.app.prune(1)) == ["zero"]


def test_nothing_is_pruned_while_a_deployment_is_not_finished() -> None:
    """Its targets are in its row alone."""
    world = World()
    world.good("one", "two", "three")
    world.killed_in("checking", lambda: world.deploy("four"))
    with pytest.raises(ConfigError, match="r4 is not finished, it is in checking"):
        world.app.prune(2)
    assert at_hand(world) == {"one", "two", "three", "four"}


def test_what_cannot_be_removed_is_told_and_stays() -> None:
    """The others go on."""
    world = World()
    world.good("one", "two", "three", "four")
    world.when("backend.discard", "before", _refuse)
    assert removed(world.app.prune(2)) == ["one"]
    (told,) = world.warnings()
    assert told == "example.com/team/web:two (r2) stays: it is in use"
    assert "r2" in world.state.files.kept


def _refuse() -> None:
    raise StepFailed("it is in use")


def test_a_release_whose_files_are_gone_is_not_gone_back_to() -> None:
    """Exit 2, saying how it can be; with today's files it can, by its tag from the registry."""
    world = World()
    world.good(*TAGS)
    world.app.prune(2)
    with pytest.raises(NoSuchRelease, match=r"the files of .*:t1 \(r1\) are gone"):
        world.rollback("t1")
    assert world.serves == ["t6"]
    assert world.rollback("t1", files="current").exit_code == 0
    assert world.serves == ["t1"]


def test_status_tells_whether_the_target_is_at_hand() -> None:
    """After somebody's `docker image prune -a`, or when its files are gone."""
    world = World()
    assert world.app.status().previous_at_hand is None
    world.good("one", "two")
    assert world.app.status().previous_at_hand is True
    world.backend.store.at_hand.pop(str(world.backend.release("one").image.id))
    assert world.app.status().previous_at_hand is False
    world.rollback()
    world.state.files.kept.clear()
    world.deploy("three")
    world.state.files.kept.pop("r1", None)
    assert world.app.status().previous_at_hand is False


ACTS: dict[str, Callable[[World, str], object]] = {
    "deploy": lambda world, tag: world.deploy(tag),
    "bad": lambda world, tag: _bad(world, tag),
    "rollback": lambda world, tag: world.rollback(),
    "protect": lambda world, tag: world.app.protect(),
    "prune": lambda world, tag: world.app.prune(1 + len(tag) % 3),
}


def _bad(world: World, tag: str) -> None:
    world.backend.push(tag).crashes()
    world.deploy(tag)
    world.backend.push(tag)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(ACTS)), st.sampled_from(["a", "bb", "ccc", "d"])), max_size=12))
def test_whatever_the_history_what_can_be_needed_stays(words: list[tuple[str, str]]) -> None:
    """What serves, what a rollback brings back and what is protected: image and files, without any registry."""
    world, gone = World(), set[str]()
    for act, tag in words:
        try:
            done = ACTS[act](world, tag)
        except NoSuchRelease:
            continue
        gone |= {one.id for one in done.removed} if isinstance(done, Pruned) else set()
    protected = world.app.marks().protected
    world.app.prune(1)
    world.backend.store.down = True
    status = world.app.status()
    # What a prune took before a rollback may be the next target: then it is to be pulled.
    needed = {one.id: one for one in (status.current, status.previous) if one and one.id not in gone}
    known = {one.id: one for row in world.rows for one in (row.candidate, row.current) if one}
    for release in [*needed.values(), *(known[one] for one in protected)]:
        assert world.backend.store.find(release.image), release
        assert release.id in world.state.files.kept
    if status.previous and status.previous.id not in gone:
        assert world.rollback().exit_code == 0
        assert world.app.status().current == status.previous
