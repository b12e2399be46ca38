"""What is found running when a deployment begins, and what a failure goes back to then."""

from dataclasses import replace

import pytest

from deploykit.errors import NoSuchRelease, Outcome
from deploykit.events import Adopted
from tests.unit.world import World, name


def test_what_was_started_by_hand_is_adopted_and_restored() -> None:
    """It is read by image id with today's files, is good when it passes, and has the finder's id."""
    world = World()
    world.backend.serving("zero")
    image = world.backend.present[0].image.id
    world.backend.release("one").crashes()
    result = world.deploy("one")
    assert result.outcome is Outcome.rolled_back
    assert world.last.restore
    assert (world.last.restore.id, world.last.restore.image.id) == ("r1a", image)
    assert world.serves == ["zero"]
    assert world.tag_file == "zero"
    assert world.stack == ["zero"]
    (event,) = [event for event in world.events if isinstance(event, Adopted)]
    assert event.healthy


def test_its_tag_may_have_moved() -> None:
    """What is restored is the content that ran."""
    world = World()
    world.backend.serving("latest")
    image = world.backend.present[0].image.id
    world.backend.push("latest").crashes()
    assert world.deploy("latest").outcome is Outcome.rolled_back
    world.backend.prune()
    assert [one.image.id for one in world.backend.living()] == [image]
    world.good("two")
    world.rollback()
    assert [one.image.id for one in world.backend.living()] == [image]


def test_the_first_run_saves_the_tag_that_ran() -> None:
    """An app started by hand with `docker compose up`: its tag is what rollback brings."""
    world = World()
    world.backend.serving("zero")
    assert world.deploy("one").exit_code == 0
    assert world.tag_file == "zero"
    world.rollback()
    assert world.serves == ["zero"]


def test_what_is_found_unhealthy_is_a_restore_target_of_last_resort() -> None:
    """After every good release; with none, it is what there is."""
    world = World()
    world.backend.release("zero").never_ready()
    world.backend.serving("zero")
    world.backend.release("one").crashes()
    assert world.deploy("one").outcome is Outcome.restore_failed
    assert world.serves == ["zero"]

    world = World()
    world.good("good")
    world.backend.release("zero").never_ready()
    world.backend.serving("zero")
    world.backend.release("one").crashes()
    assert world.deploy("one").outcome is Outcome.rolled_back
    assert world.serves == ["good"]
    assert world.stack == ["good"]


def test_what_is_found_is_waited_for_while_it_still_starts() -> None:
    """Up to 5 s for what was started just now; not at all for what has been unhealthy for long."""
    for age, ready, healthy, waited in [(1, 3, True, 2), (1, 60, False, 5), (86400, 90000, False, 0)]:
        world = World()
        world.backend.release("zero").ready_after(ready)
        world.backend.serving("zero")
        one = world.backend.present[0]
        one.started = -age
        one.instance = replace(one.instance, started_at=world.clock.time() - age)
        one.history[0] = (one.started, one.instance)
        began = world.clock.now()
        saved: list[float] = []
        world.when("backend.pull", "before", lambda: saved.append(world.clock.now()))  # noqa: B023 - called in this turn
        world.deploy("one")
        assert world.last.current_healthy is healthy
        assert abs(saved[0] - began - waited) <= 0.3


def test_what_is_known_as_good_is_looked_at_once() -> None:
    """The top of the stack is not adopted, and not waited for."""
    world = World()
    world.backend.release("one").turns_unhealthy(after=60)
    world.good("one")
    began = world.clock.now()
    saved: list[float] = []
    world.when("backend.pull", "before", lambda: saved.append(world.clock.now()))
    world.deploy("two")
    assert saved == [began]
    assert not world.last.adopted
    assert world.last.current_healthy is False
    assert name(world.last.restore) == "one"


def test_a_candidate_that_was_left_running_is_known_by_its_label() -> None:
    """What a failed deploy left keeps its id and its own files, and is judged anew."""
    world = World()
    world.good("one")
    world.backend.release("two").ready_after(100)
    assert world.deploy("two", rollback=False).outcome is Outcome.left_unhealthy
    world.clock.advance(3600)
    world.backend.release("two").good()
    world.backend.today["app.conf"] = b"changed\n"
    world.backend.release("three").crashes()
    assert world.deploy("three").outcome is Outcome.rolled_back
    assert world.last.restore
    assert world.last.restore.id == "r2"
    assert world.backend.living()[0].files["app.conf"] == b"as it is today\n"
    assert world.stack == ["one", "two"]


def test_a_candidate_that_still_fails_is_not_gone_back_to() -> None:
    """What ran is known to have failed: the newest good release is the target."""
    world = World()
    world.good("one")
    world.backend.release("two").never_ready()
    world.deploy("two", rollback=False)
    world.backend.release("three").crashes()
    world.deploy("three")
    assert world.serves == ["one"]


def test_a_healthy_current_that_is_the_candidate_stays_the_target() -> None:
    """Deployed anew by force, it goes back to itself."""
    world = World()
    world.good("one", "two")
    world.backend.release("two").crashes()
    world.deploy("two", force=True)
    assert name(world.last.restore) == "two"


def test_an_unhealthy_current_that_is_the_candidate_is_not_gone_back_to() -> None:
    """The newest good release that is not the candidate is."""
    world = World()
    world.good("one")
    world.backend.release("two").turns_unhealthy(after=60)
    world.good("two")
    world.backend.release("two").crashes()
    assert world.deploy("two").outcome is Outcome.rolled_back
    assert world.serves == ["one"]


def test_with_nothing_running_the_newest_good_release_is_the_target() -> None:
    """When what served was stopped by hand, a failure brings back the newest good one that is not the candidate."""
    world = World()
    world.good("one", "two")
    world.backend.present.clear()
    world.backend.release("three").crashes()
    assert world.deploy("three").outcome is Outcome.rolled_back
    assert world.serves == ["two"]


def test_what_serves_is_rebuilt_from_its_labels_when_the_journal_is_lost() -> None:
    """With its own files, where they are still there; numbers are never given again."""
    world = World()
    world.good("one", "two")
    kept = world.state.files.kept
    lost = World(clock=world.clock, moments=world.moments)
    lost.backend = world.backend
    lost.probes = world.probes
    lost.state.files.kept = kept
    lost.backend.files = lost.state.files
    lost.backend.today["app.conf"] = b"changed\n"
    lost.backend.release("three").crashes()
    result = lost.deploy("three")
    assert result.id == "r3"
    assert lost.last.restore
    assert lost.last.restore.id == "r2"
    assert result.outcome is Outcome.rolled_back
    assert lost.backend.living()[0].files["app.conf"] == b"as it is today\n"


def test_a_restart_target_that_cannot_be_kept_does_not_stop_a_deploy() -> None:
    """An image that is gone is no reason not to bring the next one."""
    world = World()
    world.good("one")
    world.backend.present.clear()
    world.backend.store.at_hand.clear()
    world.backend.store.tags.clear()
    assert world.deploy("two").exit_code == 0
    assert any("cannot be kept" in text for text in world.warnings())


@pytest.mark.parametrize("first", ["good", "bad"])
def test_a_release_that_is_tried_again_keeps_its_id(first: str) -> None:
    """A release carries the id of the deployment that first tried it."""
    world = World()
    world.good("one")
    if first == "bad":
        world.backend.release("two").crashes()
    world.deploy("two")
    world.backend.release("two").good()
    world.deploy("one")
    world.deploy("two")
    assert world.last.candidate
    assert (world.last.id, world.last.candidate.id) == ("r4", "r2")
    assert world.backend.living()[0].instance.release == "r2"


@pytest.mark.parametrize("changed", [False, True])
def test_what_serves_is_restored_though_its_files_are_lost(changed: bool) -> None:
    """Today's files stand in for those that somebody deleted from the state folder, the same or not."""
    world = World()
    world.good("one", "two")
    world.backend.release("bad").crashes()
    world.state.files.kept.clear()
    if changed:
        world.backend.today = {"app.conf": b"another"}

    result = world.deploy("bad")

    assert result.outcome is Outcome.rolled_back
    assert world.serves == ["two"]


def test_lost_files_are_told_before_anything_is_touched() -> None:
    """A rollback to a release whose files are gone is refused while what serves serves."""
    world = World()
    world.good("one", "two")
    world.state.files.discard("r1")

    with pytest.raises(NoSuchRelease, match=r"one .r1. are gone") as caught:
        world.rollback()

    assert caught.value.hint
    assert "Nothing was touched" in caught.value.hint
    assert world.serves == ["two"]
