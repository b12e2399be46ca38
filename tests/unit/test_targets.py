"""What a failing deployment goes back to, and whether it may."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from deploykit.interrupt import Cause
from deploykit.record import Kind, Options, Record
from deploykit.release import Release, Snapshot
from deploykit.targets import choose_barrier, choose_restore, restorable
from tests.unit.made import image, release, row

ONE, TWO, THREE = release("one"), release("two", 2), release("three", 3)
TODAY = Snapshot({"app.conf": b"today"})


def nothing() -> Snapshot:
    raise AssertionError("today's files are not needed")


def chosen(
    record: Record, stack: tuple[Release, ...] = (ONE, TWO), today: Callable[[], Snapshot] = Snapshot
) -> Release | None:
    return choose_restore(record, stack, today)


@pytest.mark.parametrize("healthy", [True, False])
def test_a_known_good_current_is_the_target(*, healthy: bool) -> None:
    """What served when it began, though it fails its probes just now."""
    assert chosen(row(3, current=TWO, current_healthy=healthy, candidate=THREE)) == TWO


def test_an_adopted_current_that_passes_its_probes_is_the_target() -> None:
    """It becomes good by that."""
    assert chosen(row(3, current=THREE, adopted=True, current_healthy=True, candidate=release("four", 4))) == THREE


def test_an_adopted_current_that_fails_them_comes_after_every_good_release() -> None:
    """And is the last resort when there is none."""
    record = row(3, current=THREE, adopted=True, current_healthy=False, candidate=release("four", 4))
    assert chosen(record) == TWO
    assert chosen(record, ()) == THREE


def test_a_healthy_current_that_is_the_candidate_stays_the_target() -> None:
    """Deployed anew with --force, say."""
    assert chosen(row(3, current=TWO, current_healthy=True, candidate=TWO)) == TWO


def test_a_failing_current_that_is_the_candidate_is_not_the_target() -> None:
    """Going back to what is known to have failed helps nobody."""
    record = row(3, current=TWO, current_healthy=False, candidate=TWO)
    assert chosen(record) == ONE
    assert chosen(record, (TWO,)) is None


def test_when_nothing_runs_it_is_the_newest_good_release_that_is_not_the_candidate() -> None:
    """After a reboot, or a crash."""
    assert chosen(row(3, candidate=THREE)) == TWO
    assert chosen(row(3, candidate=TWO)) == ONE
    assert chosen(row(3, candidate=ONE), (ONE,)) is None


def test_before_the_pull_name_and_files_tell_the_candidate() -> None:
    """Its content is not known yet."""
    same = release("two", 2, TODAY.parts)
    other = release("two", 2, {"app.conf": "otherwise"})
    record = row(3, asked=image("two"))
    assert chosen(record, (ONE, same), lambda: TODAY) == ONE
    assert chosen(record, (ONE, other), lambda: TODAY) == other
    assert chosen(row(3, asked=image("four")), (ONE, same), nothing) == same


ALLOWED = Options(auto=True)
SWITCHED_OFF = Options(auto=False)


@pytest.mark.parametrize(
    ("kind", "options", "interrupted", "may"),
    [
        (Kind.deploy, ALLOWED, None, True),
        (Kind.deploy, SWITCHED_OFF, None, False),
        (Kind.deploy, SWITCHED_OFF, Cause.sigint, True),
        (Kind.rollback, ALLOWED, None, True),
        (Kind.rollback, SWITCHED_OFF, None, False),
        (Kind.rollback, SWITCHED_OFF, Cause.sigint, False),
    ],
)
def test_switching_it_off_concerns_failed_deploys_alone(
    kind: Kind, options: Options, interrupted: Cause | None, *, may: bool
) -> None:
    """An interrupted deploy is restored all the same; `rollback --no-rollback` is not."""
    record = row(3, kind, restore=ONE, candidate=TWO, options=options, interrupted=interrupted)
    assert restorable(record) is may


def test_without_a_target_there_is_no_going_back() -> None:
    """Whatever was asked for."""
    assert not restorable(row(3, candidate=TWO, options=ALLOWED, interrupted=Cause.sigint))


@pytest.mark.parametrize(
    ("kind", "force", "restore", "may"),
    [
        (Kind.deploy, False, ONE, False),
        (Kind.deploy, True, ONE, True),
        (Kind.rollback, False, ONE, True),
        (Kind.deploy, False, release("two"), True),
    ],
    ids=["across it", "forced", "from a rollback it goes forward", "to itself"],
)
def test_an_irreversible_release_is_not_gone_back_across(
    kind: Kind, restore: Release, *, force: bool, may: bool
) -> None:
    """Without --force, and by a deploy."""
    tried = release("two", 2, irreversible=True)
    record = row(3, kind, restore=restore, candidate=tried, options=Options(force=force))
    assert restorable(replace(record, barrier=choose_barrier(record, []))) is may
