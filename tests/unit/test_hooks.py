"""When hooks run, what they are told, and what becomes of a deployment when they fail."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from deploykit.app import App
from deploykit.errors import Outcome, StepFailed
from deploykit.events import Finished, HookOutput
from deploykit.hooks import Hook
from deploykit.interrupt import Cause, Interruption
from deploykit.protocols import Control
from deploykit.states import State
from tests.unit.world import REPOSITORY, World


@dataclass
class Recorder:
    """Hooks that note how they were run. `act` is what each does; without it they succeed."""

    act: Mapping[Hook, Callable[[Control], object]] = field(default_factory=dict)
    ran: list[tuple[Hook, Mapping[str, str]]] = field(default_factory=list)

    def has(self, hook: Hook) -> bool:
        return hook in Hook

    def run(self, hook: Hook, variables: Mapping[str, str], control: Control) -> None:
        self.ran.append((hook, variables))
        if act := self.act.get(hook):
            act(control)

    @property
    def names(self) -> list[str]:
        return [hook.name for hook, _ in self.ran]


class Stage(World):
    """A world whose app has hooks."""

    def __init__(self, **act: Callable[[Control], object]) -> None:
        super().__init__()
        self.hooks = Recorder({Hook(name): one for name, one in act.items()})

    @property
    def app(self) -> App:
        app = super().app
        return App(
            app.name,
            REPOSITORY,
            self.backend,
            self.probes,
            self.policy,
            state=self.state,
            observers=[self.events.append],
            clock=self.clock,
            hooks=self.hooks,
        )

    def ready(self, *tags: str) -> "Stage":
        acts, self.hooks.act = self.hooks.act, {}
        self.good(*tags)
        self.hooks.act = acts
        self.hooks.ran.clear()
        self.events.clear()
        return self


def fails(_: Control) -> None:
    raise StepFailed("it exited with code 7")


def test_a_good_deploy_runs_both_and_tells_them_of_it() -> None:
    """before_start before anything moves, after_healthy when the end is in the journal."""
    seen: list[tuple[State, list[str]]] = []
    stage = Stage().ready("one")
    look = lambda _: seen.append((stage.last.state, stage.serves))  # noqa: E731
    stage.hooks.act = {Hook.before_start: look, Hook.after_healthy: look}
    stage.deploy("two")
    assert stage.hooks.names == ["before_start", "after_healthy"]
    assert seen == [(State.pulling, ["one"]), (State.healthy, ["two"])]
    before, after = (variables for _, variables in stage.hooks.ran)
    assert (before["DEPLOYKIT_OUTCOME"], before["DEPLOYKIT_EXIT_CODE"]) == ("", "")
    expected = {
        "ID": "r2",
        "KIND": "deploy",
        "IMAGE": REPOSITORY,
        "TAG": "two",
        "PREVIOUS_TAG": "one",
        "STATE": "healthy",
        "OUTCOME": "deployed",
        "EXIT_CODE": "0",
        "ERROR": "",
    }
    digest = stage.last.candidate.image.digest if stage.last.candidate else None
    assert after == {f"DEPLOYKIT_{key}": value for key, value in {**expected, "DIGEST": digest or ""}.items()}


def test_a_before_start_that_fails_leaves_all_untouched() -> None:
    """Exit 1, and what served was never replaced."""
    stage = Stage(before_start=fails).ready("one")
    result = stage.deploy("two")
    assert (result.outcome, result.exit_code, stage.serves) == (Outcome.untouched, 1, ["one"])
    assert "starting" not in stage.moves()
    assert stage.hooks.names == ["before_start", "on_failure"]
    assert stage.hooks.ran[-1][1]["DEPLOYKIT_ERROR"] == "it exited with code 7"


def test_before_start_comes_after_a_rehearsal() -> None:
    """It is the last thing before `starting`, on that way too."""
    stage = Stage(before_start=fails).ready("one")
    stage.backend.release_command = True
    assert stage.deploy("two").outcome is Outcome.untouched
    assert stage.serves == ["one"]


def test_a_restore_runs_after_rollback_and_then_on_failure() -> None:
    """Both know what failed."""
    stage = Stage().ready("one")
    stage.backend.release("two").crashes(exit_code=3)
    result = stage.deploy("two")
    assert stage.hooks.names == ["before_start", "after_rollback", "on_failure"]
    for _, told in stage.hooks.ran[1:]:
        assert (told["DEPLOYKIT_OUTCOME"], told["DEPLOYKIT_EXIT_CODE"]) == ("rolled_back", "1")
        assert result.failure
        assert told["DEPLOYKIT_ERROR"] == result.failure.summary


def test_no_command_stands_in_the_way_of_going_back() -> None:
    """A rollback by hand runs no before_start; what it brought is told by after_rollback."""
    stage = Stage(before_start=fails).ready("one", "two")
    assert stage.rollback().exit_code == 0
    assert stage.hooks.names == ["after_rollback"]
    assert stage.hooks.ran[0][1]["DEPLOYKIT_KIND"] == "rollback"


def test_what_is_unchanged_runs_none() -> None:
    """Nothing was replaced."""
    stage = Stage().ready("one")
    assert stage.deploy("one").outcome is Outcome.unchanged
    assert stage.hooks.names == []


@pytest.mark.parametrize("error", [StepFailed("exited with code 7"), RuntimeError("a bug")], ids=["fails", "bug"])
@pytest.mark.parametrize(("hook", "crashes"), [("after_healthy", 0), ("after_rollback", 1), ("on_failure", 1)])
def test_a_hook_at_the_end_that_fails_changes_nothing(hook: str, crashes: int, error: Exception) -> None:
    """A warning, before the end is told; exit code, outcome and the real error stay."""

    def fail(_: Control) -> None:
        raise error

    stage = Stage(**{hook: fail}).ready("one")
    if crashes:
        stage.backend.release("two").crashes(exit_code=3)
    result = stage.deploy("two")
    assert result.exit_code == crashes
    assert (result.failure is None) is not crashes
    assert "Container exited with code 3" in result.failure.summary if result.failure else not crashes
    assert any(str(error) in warning for warning in stage.warnings())
    assert isinstance(stage.events[-1], Finished)


def test_recover_runs_the_hooks_of_what_it_finishes() -> None:
    """Killed in checking, gone on with by the next process."""
    stage = Stage().ready("one")
    stage.killed_in("checking", lambda: stage.deploy("two"))
    assert stage.hooks.names == ["before_start"]
    stage.recover()
    assert stage.hooks.names == ["before_start", "after_healthy"]
    stage.recover()
    assert stage.hooks.names == ["before_start", "after_healthy"]


def test_recover_tells_on_failure_of_what_was_abandoned() -> None:
    """Nothing was replaced, and the deployment failed all the same."""
    stage = Stage().ready("one")
    stage.killed_in("pulling", lambda: stage.deploy("two"))
    stage.recover()
    assert stage.hooks.names == ["on_failure"]


def test_an_interrupt_in_before_start_ends_it() -> None:
    """Untouched; and what is run because of the interrupt is not ended by it at once."""
    interruption = Interruption()
    ends: list[bool] = []

    def interrupted(control: Control) -> None:
        interruption.request(Cause.sigterm)
        control.interruption.check()

    stage = Stage(before_start=interrupted, on_failure=lambda control: ends.append(control.interruption.requested))
    result = stage.ready("one").deploy("two", cancel=interruption)
    assert (result.exit_code, stage.serves, ends) == (143, ["one"], [False])


def test_an_interrupt_in_a_hook_at_the_end_ends_that_hook_alone() -> None:
    """The deployment is over: its exit code stays."""
    interruption = Interruption()

    def interrupted(control: Control) -> None:
        interruption.request(Cause.sigterm)
        control.interruption.check()

    stage = Stage(after_healthy=interrupted).ready("one")
    assert stage.deploy("two", cancel=interruption).exit_code == 0
    assert ["after_healthy was ended by an interrupt" in one for one in stage.warnings()] == [True]


def test_hooks_run_with_the_lock_held_and_their_output_is_told() -> None:
    """Nobody else deploys meanwhile."""
    locked: list[bool] = []

    def purge(control: Control) -> None:
        locked.append(stage.state.lock.holder() is not None)
        control.show("purged")

    stage = Stage(after_healthy=purge).ready("one")
    stage.deploy("two")
    assert locked == [True]
    assert [event.line for event in stage.events if isinstance(event, HookOutput)] == ["purged"]
