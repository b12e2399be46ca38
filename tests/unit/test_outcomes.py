"""Every way in which a deployment ends: outcome, exit code, what serves, and what the tag file says."""

from collections.abc import Callable

import pytest

from deploykit.errors import ConfigError, EngineUnreachable, Locked, NoSuchRelease, Outcome
from deploykit.events import Saved
from deploykit.interrupt import Cause
from deploykit.protocols import Holder
from deploykit.record import Kind
from deploykit.states import State
from deploykit.testing import Moment
from tests.unit.world import REPOSITORY, World, name, refuses


def test_a_good_deploy_goes_the_plain_way_and_ends_deployed() -> None:
    """A plain deploy goes saved, pulling, starting, checking, healthy; exit 0."""
    world = World()
    result = world.deploy("one")
    assert (result.outcome, result.exit_code) == (Outcome.deployed, 0)
    assert world.moves() == ["saved", "pulling", "starting", "checking", "healthy"]
    assert world.serves == ["one"]
    assert name(result.serving) == "one"
    assert world.tag_file is None


def test_the_second_good_deploy_leaves_the_first_in_the_tag_file() -> None:
    """After a good deploy the tag file holds what `rollback` would bring back."""
    world = World()
    world.good("one", "two")
    assert world.tag_file == "one"
    assert [name(event.release) for event in world.events if isinstance(event, Saved)] == ["one"]


def test_a_release_that_crashes_is_rolled_back() -> None:
    """A dead candidate brings back what was current: rolled_back, exit 1."""
    world = World()
    world.good("one")
    world.backend.release("two").crashes(after=0.3, exit_code=3, log="ImportError: courts")
    result = world.deploy("two")
    assert (result.outcome, result.exit_code) == (Outcome.rolled_back, 1)
    assert world.serves == ["one"]
    assert name(result.serving) == "one"
    assert result.failure
    assert result.failure.summary == "Container exited with code 3 after 0.3s"
    assert (result.failure.dead, result.failure.exit_code) == (True, 3)
    assert result.failure.logs == "ImportError: courts"
    assert world.stack == ["one"]


def test_a_release_that_never_turns_healthy_is_rolled_back_when_the_budget_is_used_up() -> None:
    """The budget is attempts times interval, and the failure names it."""
    world = World()
    world.good("one")
    world.backend.release("two").never_ready()
    result = world.deploy("two")
    assert result.outcome is Outcome.rolled_back
    assert result.failure
    assert result.failure.summary == "Health check failed after 10s"
    assert result.failure.detail == "not ready yet"
    assert 9.9 <= result.duration <= 10.5


@pytest.mark.parametrize("step", ["pull", "start"])
def test_a_failed_first_deploy_has_no_target_from_starting_on(step: str) -> None:
    """A failure before starting is untouched, 1, even when nothing served; after it, 4: nothing to go back to."""
    world = World()
    script = world.backend.release("one")
    script.pull_fails() if step == "pull" else script.crashes()
    result = world.deploy("one")
    expected = (Outcome.untouched, 1) if step == "pull" else (Outcome.no_target, 4)
    assert (result.outcome, result.exit_code) == expected
    assert result.state is State.failed


def test_no_target_goes_before_switched_off() -> None:
    """Without anything to go back to it is no_target, 4, although restoring is switched off."""
    world = World(auto=False)
    world.backend.release("one").crashes()
    assert world.deploy("one").exit_code == 4


@pytest.mark.parametrize("how", ["config", "argument"])
def test_switched_off_restoring_leaves_the_failed_release_as_it_is(how: str) -> None:
    """`auto = false` and `--no-rollback`: left_unhealthy, exit 3, and the new one stays."""
    world = World(auto=how == "argument")
    world.good("one")
    world.backend.release("two").never_ready()
    result = world.deploy("two", rollback=how == "config")
    assert (result.outcome, result.exit_code) == (Outcome.left_unhealthy, 3)
    assert world.serves == ["two"]
    assert name(result.serving) == "two"
    assert world.tag_file == "one"


def test_a_restore_that_fails_is_told() -> None:
    """When what served does not come back healthy either: restore_failed, exit 3."""
    world = World()
    world.good("one")
    world.backend.release("one").never_ready()
    world.backend.release("two").crashes()
    result = world.deploy("two")
    assert (result.outcome, result.exit_code) == (Outcome.restore_failed, 3)
    assert result.restore_failure
    assert world.moves()[-2:] == ["rolling_back", "failed"]
    assert world.tag_file == "one", "rollback tries it again"


def test_a_failed_restore_is_retried_before_it_is_given_up() -> None:
    """A runtime that refuses to start what served is asked again, and only then is the restore given up."""
    world = World()
    world.good("one")
    world.backend.release("two").crashes()
    answers = iter([refuses()(), refuses()()])
    world.when(
        "backend.watch", "after", lambda: world.backend.release("one").start_raises(lambda: _next(world, answers))
    )
    assert world.deploy("two").outcome is Outcome.rolled_back
    assert world.serves == ["one"]


def _next(world: World, answers: object) -> BaseException:
    error = next(answers)  # type: ignore[call-overload]  # an iterator
    world.backend.release("one").start_error = None
    return error  # type: ignore[no-any-return]  # an exception


@pytest.mark.parametrize("failing", ["pull", "prepare", "keep", "demand"])
def test_a_failure_before_starting_leaves_everything_untouched(failing: str) -> None:
    """Whatever fails before starting: untouched, exit 1, no container moved, the tag file as it was."""
    world = World()
    world.good("one", "two")
    before = [one.instance for one in world.backend.living()]
    world.backend.release_command = True
    script = world.backend.release("three")
    if failing == "pull":
        script.pull_fails()
    elif failing == "prepare":
        script.command_raises(refuses("migration failed"))
    else:
        world.moments.hooks.append(_raising(world, f"backend.{failing}", "three"))
    result = world.deploy("three")
    assert (result.outcome, result.exit_code) == (Outcome.untouched, 1)
    assert [one.instance for one in world.backend.living()] == before
    assert world.tag_file == "one"
    assert name(result.serving) == "two"


def _raising(world: World, call: str, tag: str) -> Callable[[Moment], None]:
    def hook(moment: Moment) -> None:
        if (
            getattr(moment, "call", "") == call
            and tag in world.backend.store.tags
            and getattr(moment, "when", "") == "before"
        ):
            raise OSError(28, "No space left on device")

    return hook


@pytest.mark.parametrize(
    "error", [refuses(), lambda: ValueError("a plug-in's bug"), lambda: BrokenPipeError(32, "pipe")]
)
def test_any_error_from_starting_on_brings_back_what_served(error: object) -> None:
    """An error in a handler fires fail with its reason, whatever its cause."""
    world = World()
    world.good("one")
    world.backend.release("two").start_raises(error)  # type: ignore[arg-type]  # parametrized
    result = world.deploy("two")
    assert result.outcome is Outcome.rolled_back
    assert world.serves == ["one"]
    assert result.failure
    assert result.failure.state is State.starting


def test_the_same_release_that_serves_healthy_is_unchanged() -> None:
    """Unchanged: a healthy row, exit 0, no container moved, the tag file as it was."""
    world = World()
    world.good("one", "two")
    before = [one.instance for one in world.backend.living()]
    result = world.deploy("two")
    assert (result.outcome, result.exit_code) == (Outcome.unchanged, 0)
    assert world.moves() == ["saved", "pulling", "healthy"]
    assert [one.instance for one in world.backend.living()] == before
    assert world.tag_file == "one"


def test_force_deploys_an_unchanged_release_anew() -> None:
    """`--force` replaces even what serves already."""
    world = World()
    world.good("one")
    before = [one.instance.id for one in world.backend.living()]
    assert world.deploy("one", force=True).outcome is Outcome.deployed
    assert [one.instance.id for one in world.backend.living()] != before
    assert world.serves == ["one"]


def test_an_unchanged_release_that_fails_its_look_is_deployed_anew() -> None:
    """A look that fails for an unchanged release is not a failure."""
    world = World()
    world.backend.release("one").turns_unhealthy(after=60)
    world.good("one")
    world.backend.release("one").good()
    assert world.deploy("one").outcome is Outcome.deployed
    assert world.serves == ["one"]


@pytest.mark.parametrize("change", ["files", "image"])
def test_other_files_or_another_image_under_the_same_tag_are_another_release(change: str) -> None:
    """Two releases are the same only when image id and the hashes of the rest are equal."""
    world = World()
    world.good("one")
    if change == "files":
        world.backend.today["app.conf"] = b"changed\n"
    else:
        world.backend.push("one")
    assert world.deploy("one").outcome is Outcome.deployed
    assert world.stack == ["one", "one"]


@pytest.mark.parametrize(("cause", "code"), [(Cause.sigint, 130), (Cause.sigterm, 143)], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("state", ["saved", "pulling", "preparing", "starting", "checking"])
def test_an_interrupted_deploy_makes_what_served_safe(state: str, cause: Cause, code: int) -> None:
    """An interrupt in any state before promoting ends interrupted, 130 or 143, with what served serving."""
    world = World(auto=False)
    world.backend.release_command = True
    world.good("one")
    world.backend.pull_seconds = 3.0
    world.backend.release("two").ready_after(5)
    result = world.deploy("two", cancel=world.interrupted_in(state, cause))
    assert (result.outcome, result.exit_code) == (Outcome.interrupted, code)
    assert world.serves == ["one"]
    assert name(result.serving) == "one"


def test_an_interrupt_during_the_pull_stops_it_at_once() -> None:
    """During a pull an interrupt is obeyed at once, and nothing is touched."""
    world = World()
    world.good("one")
    world.backend.pull_seconds = 600.0
    began = world.clock.now()
    interruption = world.interrupted_in("pulling")
    world.deploy("two", cancel=interruption)
    assert world.clock.now() - began < 1
    assert "backend.start" not in world.moments.calls[world.moments.calls.index("backend.pull") + 8 :]


def test_an_interrupt_while_restoring_lets_the_restore_finish() -> None:
    """In rolling_back an interrupt changes the exit code alone."""
    world = World()
    world.good("one")
    world.backend.release("one").ready_after(4)
    world.backend.release("two").crashes()
    result = world.deploy("two", cancel=world.interrupted_in("rolling_back"))
    assert (result.outcome, result.exit_code) == (Outcome.interrupted, 130)
    assert world.serves == ["one"]
    assert result.state is State.rolled_back


def test_an_interrupt_whose_restore_fails_is_restore_failed() -> None:
    """When what served could not be made safe, an interrupt ends with 3."""
    world = World()
    world.good("one")
    world.backend.release("one").crashes()
    world.backend.release("two").ready_after(5)
    assert world.deploy("two", cancel=world.interrupted_in("checking")).exit_code == 3


def test_an_interrupt_in_promoting_lets_it_finish() -> None:
    """In promoting the new release serves already: deployed, 0."""
    world = rolling()
    world.good("one")
    result = world.deploy("two", cancel=world.interrupted_in("promoting"))
    assert (result.outcome, result.exit_code) == (Outcome.deployed, 0)
    assert world.serves == ["two"]


def rolling() -> World:
    world = World()
    world.backend.strategy = "rolling"
    return world


def test_a_rolling_deploy_retires_the_older_instances() -> None:
    """Older instances run on until the new ones are healthy, and go in promoting."""
    world = rolling()
    world.good("one")
    seen: list[list[str]] = []
    world.when("backend.watch", "after", lambda: seen.append(world.serves))
    assert world.deploy("two").exit_code == 0
    assert seen == [["one", "two"]]
    assert world.serves == ["two"]
    assert world.moves()[-2:] == ["promoting", "healthy"]


def test_a_failed_rolling_deploy_moves_no_container_of_what_serves() -> None:
    """Where the old instances still run, going back moves none of them, and the new one goes."""
    world = rolling()
    world.good("one")
    before = [one.instance.id for one in world.backend.living()]
    world.backend.release("two").never_ready()
    assert world.deploy("two").outcome is Outcome.rolled_back
    assert [one.instance.id for one in world.backend.living()] == before


def test_an_error_in_promoting_is_a_warning() -> None:
    """promoting never fires fail: the new release serves."""
    world = rolling()
    world.good("one")

    def refuse() -> None:
        raise RuntimeError("cannot remove it")

    world.when("backend.promote", "before", refuse)
    assert world.deploy("two").exit_code == 0
    assert any("cannot remove it" in text for text in world.warnings())


def test_a_manual_rollback_ends_healthy() -> None:
    """A rollback is a deployment of its own: it ends healthy, exit 0."""
    world = World()
    world.good("one", "two")
    result = world.rollback()
    assert (result.outcome, result.exit_code, result.kind) == (Outcome.deployed, 0, Kind.rollback)
    assert world.serves == ["one"]


def test_a_manual_rollback_that_fails_restores_what_served() -> None:
    """When the release rolled back to does not become healthy, what served is restored, 1, even with auto = false."""
    world = World(auto=False)
    world.good("one", "two")
    world.backend.release("one").never_ready()
    result = world.rollback()
    assert (result.outcome, result.exit_code) == (Outcome.rolled_back, 1)
    assert world.serves == ["two"]
    assert world.stack == ["one", "two"]


def test_a_manual_rollback_with_its_restore_switched_off_stays_where_it_is() -> None:
    """`rollback --no-rollback` leaves the failed release as it is: 3."""
    world = World()
    world.good("one", "two")
    world.backend.release("one").never_ready()
    assert world.rollback(rollback=False).exit_code == 3
    assert world.serves == ["one"]


def test_an_interrupted_manual_rollback_restores_what_served() -> None:
    """An interrupt of a rollback restores what served before it."""
    world = World(auto=False)
    world.good("one", "two")
    world.backend.release("one").ready_after(5)
    result = world.rollback(cancel=world.interrupted_in("checking", Cause.sigterm))
    assert result.exit_code == 143
    assert world.serves == ["two"]


def test_a_rollback_pulls_nothing_that_is_at_hand_and_prepares_nothing() -> None:
    """With the registry down a rollback works; it runs no release command."""
    world = World()
    world.good("one", "two")
    world.backend.release_command = True
    world.backend.store.down = True
    assert world.rollback().exit_code == 0
    assert world.backend.commanded == []


def test_a_restore_brings_back_the_content_although_its_tag_has_moved() -> None:
    """What is restored is content, not a tag."""
    world = World()
    world.good("one")
    content = world.backend.living()[0].image.id
    world.backend.push("one").crashes()
    world.deploy("one")
    world.backend.prune()
    assert world.backend.living()[0].image.id == content
    world.good("two")
    world.rollback()
    assert world.backend.living()[0].image.id == content


def test_a_restore_runs_the_release_with_its_own_files() -> None:
    """Files that were changed with the bad release do not come back with the good one."""
    world = World()
    world.good("one")
    world.backend.today["app.conf"] = b"broken\n"
    world.backend.release("two").crashes()
    world.deploy("two")
    assert world.backend.living()[0].files["app.conf"] == b"as it is today\n"


def test_a_rollback_with_todays_files_makes_a_release_of_its_own() -> None:
    """`--files current` runs the old image with the files of today, in the place of the one it was made from."""
    world = World()
    world.good("one", "two")
    world.backend.today["app.conf"] = b"changed\n"
    result = world.rollback(files="current")
    assert world.backend.living()[0].files["app.conf"] == b"changed\n"
    assert world.stack == ["one"]
    assert result.release
    assert result.release.id == result.id


def test_a_target_image_that_is_no_longer_itself_is_not_started() -> None:
    """A rollback whose pull brings other content is untouched."""
    world = World()
    world.good("one", "two")
    result = world.deploy("three", image=None)
    assert result.exit_code == 0


# Nothing began.


def test_a_locked_app_is_left_alone() -> None:
    """75: another deployment holds the lock; no row."""
    world = World()
    world.state.lock.held_by = Holder(4711, "eve@ci", 0.0, "deploy")
    with pytest.raises(Locked, match="4711"):
        world.deploy("one")
    assert world.rows == []


def test_an_engine_that_does_not_answer_leaves_no_row() -> None:
    """5: the runtime cannot be reached before anything began."""
    world = World()
    world.backend.goes_away()
    with pytest.raises(EngineUnreachable) as caught:
        world.deploy("one")
    assert caught.value.exit_code == 5
    assert world.rows == []


def test_an_engine_that_goes_away_before_starting_is_untouched() -> None:
    """An engine that is lost after the row was written, before starting: untouched, 1."""
    world = World()
    world.good("one")
    world.when("backend.pull", "before", world.backend.goes_away)
    assert world.deploy("two").exit_code == 1


def test_a_configuration_that_does_not_fit_the_image_leaves_no_row_and_no_trace() -> None:
    """2: what turns out in pulling takes row, tag file and files back out."""
    world = World()
    world.good("one", "two")
    kept, tag = dict(world.state.files.kept), world.tag_file
    world.backend.refuses = "the image has no HEALTHCHECK"
    with pytest.raises(ConfigError) as caught:
        world.deploy("three")
    assert caught.value.exit_code == 2
    assert [row.id for row in world.rows] == ["r2", "r1"]
    assert (world.state.files.kept, world.tag_file) == (kept, tag)
    world.backend.refuses = None
    assert world.deploy("three").id == "r4", "a number is never given again"


def test_a_state_folder_that_cannot_be_used_is_told_before_anything_else() -> None:
    """2: and the engine is not even asked."""
    world = World()
    world.state.unusable = "the state folder belongs to root"
    with pytest.raises(ConfigError, match="root"):
        world.deploy("one")
    assert world.moments.calls == []


def test_going_back_with_nothing_to_go_back_to_is_refused() -> None:
    """2: no such release; no row, nothing touched."""
    world = World()
    world.good("one")
    for to in (None, "nosuch", "r99"):
        with pytest.raises(NoSuchRelease) as caught:
            world.rollback(to)
        assert caught.value.exit_code == 2
        assert caught.value.hint
    assert len(world.rows) == 1
    assert world.serves == ["one"]


def test_a_digest_is_not_dropped_for_a_tag() -> None:
    """2: who pins the content and names a tag too does not get whatever the tag names now."""
    world = World()
    with pytest.raises(ConfigError, match="names its content"):
        world.deploy("one", image=f"{REPOSITORY}@sha256:{'0' * 64}")
    assert world.serves == []


def test_a_wrong_pull_policy_is_refused() -> None:
    """2: an argument that means nothing is not a crash."""
    with pytest.raises(ConfigError, match="sometimes"):
        World().deploy("one", pull="sometimes")


# Irreversible releases.


def test_an_irreversible_release_that_fails_is_left_as_it_is() -> None:
    """It is not gone back across: left_unhealthy, 3; with --force it is."""
    for force, outcome in [(False, Outcome.left_unhealthy), (True, Outcome.rolled_back)]:
        world = World()
        world.good("one")
        world.backend.release("two").crashes()
        assert world.deploy("two", irreversible=True, force=force).outcome is outcome


def test_a_later_failure_does_not_go_back_across_an_irreversible_release() -> None:
    """What the one before it left behind, irreversible, is not gone back across by the next deploy either."""
    for force, outcome, serves in [(False, Outcome.left_unhealthy, "three"), (True, Outcome.rolled_back, "one")]:
        world = World()
        world.good("one")
        world.backend.release("two").never_ready()
        world.deploy("two", irreversible=True)
        world.backend.release("three").never_ready()
        result = world.deploy("three", force=force)
        assert (result.outcome, world.serves, name(result.barrier)) == (outcome, [serves], "two")


def test_what_served_when_it_began_is_never_behind_an_older_irreversible_release() -> None:
    """Gone back across once, by force, it is restored like any other."""
    world = World()
    world.good("one")
    world.deploy("two", irreversible=True)
    assert world.rollback(force=True).exit_code == 0
    world.backend.release("three").crashes()
    assert world.deploy("three").outcome is Outcome.rolled_back
    assert world.serves == ["one"]


def test_a_rollback_across_an_irreversible_release_is_refused() -> None:
    """`rollback` exits 2 without --force, whether or not the irreversible release became good."""
    world = World()
    world.good("one")
    world.deploy("two", irreversible=True)
    world.good("three")
    assert world.rollback().exit_code == 0, "two lies after itself"
    with pytest.raises(NoSuchRelease, match="irreversible"):
        world.rollback()
    assert world.serves == ["two"]
    assert world.rollback(force=True).exit_code == 0
    assert world.serves == ["one"]


def test_a_failed_rollback_to_an_irreversible_release_goes_forward_again() -> None:
    """Restoring what served after an irreversible release is not going back across it."""
    world = World()
    world.deploy("one", irreversible=True)
    world.good("two")
    world.backend.release("one").crashes()
    assert world.rollback().outcome is Outcome.rolled_back
    assert world.serves == ["two"]


def test_a_service_that_is_missing_is_not_unchanged() -> None:
    """The same release, healthy as far as it runs, is deployed anew when a part of it is gone."""
    world = World()
    world.backend.services = ("web", "worker")
    world.good("one")
    world.backend.present.pop()

    assert world.deploy("one").outcome is Outcome.deployed

    assert world.serves == ["one", "one"]
