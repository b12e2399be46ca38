"""What is done before anything is replaced: the release command, and a rehearsal beside what serves."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from deploykit.errors import ConfigError, NoSuchRelease, Outcome
from deploykit.events import CommandStarted, LogRead, Output, RehearsalStarted
from deploykit.health import REHEARSAL, HealthPolicy
from deploykit.interrupt import Cause
from deploykit.probes import HttpProbe
from deploykit.protocols import ProbeVerdict, Verdict
from deploykit.release import Instance
from deploykit.result import Result
from deploykit.testing import FakeRelease, Killed, Moment
from tests.unit.world import World, name, refuses


def untouched(world: World, result: Result, serves: str = "one") -> None:
    """Nothing was started but what is gone again; what served serves, and is what it was."""
    assert (result.outcome, result.exit_code, name(result.serving)) == (Outcome.untouched, 1, serves)
    assert result.failure
    assert result.failure.state.name == "preparing"
    assert world.serves == [serves]
    assert world.backend.rehearsing == []
    assert "starting" not in world.moves()


# The rehearsal.


def test_a_good_release_is_rehearsed_and_then_started() -> None:
    """It lives for 3 s beside what serves first; one instance, which is gone when the others start."""
    world = World()
    world.good("one")
    seen: list[tuple[list[str], int]] = []
    began = world.clock.now()

    def look() -> None:
        seen.append((world.serves, len(world.backend.rehearsing)))

    world.probes.append(_Asking(look))
    world.when("backend.start", "before", lambda: seen.append((world.serves, len(world.backend.rehearsing))))
    result = world.deploy("two", rehearse=True)
    assert result.outcome is Outcome.deployed
    assert world.moves() == ["saved", "pulling", "preparing", "starting", "checking", "healthy"]
    assert seen[0] == (["one"], 1), "the only one that is asked is the rehearsal"
    assert seen[-1] == (["one"], 0)
    assert world.clock.now() - began == pytest.approx(REHEARSAL)
    assert world.backend.rehearsed == [result.id]


@pytest.mark.parametrize(("stable_for", "seconds"), [(0.0, 3.0), (2.0, 3.0), (5.0, 5.0)])
def test_a_rehearsal_lives_for_3_s_at_least(stable_for: float, seconds: float) -> None:
    """Longer where a release must be stable for longer."""
    world = World(HealthPolicy(attempts=5, interval=2.0, stable_for=stable_for))
    started: list[float] = []
    world.when("backend.start", "before", lambda: started.append(world.clock.now()))
    world.deploy("one", rehearse=True)
    assert started == [pytest.approx(seconds)]


@pytest.mark.parametrize(
    ("script", "summary"),
    [
        (lambda release: release.crashes(after=0.3, exit_code=3), "Container exited with code 3 after 0.3s"),
        (lambda release: release.crashes(after=2.0).ready_after(0), "Container exited with code 1 after 2.0s"),
        (lambda release: release.never_ready(), "Health check failed after 10s"),
        (lambda release: release.turns_unhealthy(after=1), "Health check failed after 10s"),
        (lambda release: release.oom(after=1), "Container exited with code 137 after 1.0s (out of memory)"),
    ],
    ids=["crashes", "dies after 2 s", "never healthy", "turns unhealthy", "out of memory"],
)
def test_a_rehearsal_that_fails_leaves_all_untouched(script: Callable[[FakeRelease], object], summary: str) -> None:
    """untouched, 1: no instance that serves was moved."""
    world = World()
    world.good("one")
    before = [one.instance.id for one in world.backend.living()]
    script(world.backend.release("two"))
    result = world.deploy("two", rehearse=True)
    untouched(world, result)
    assert result.failure
    assert result.failure.summary == summary
    assert [one.instance.id for one in world.backend.living()] == before
    assert world.tag_file is None


def test_the_last_lines_of_a_rehearsal_are_told() -> None:
    """They are gone with it."""
    world = World()
    world.good("one")
    world.backend.release("two").crashes(log="ImportError: courts")
    result = world.deploy("two", rehearse=True)
    assert result.failure
    assert result.failure.logs == "ImportError: courts"
    assert len(world.heard(LogRead)) == 1


@pytest.mark.parametrize("cause", Cause)
def test_an_interrupt_in_a_rehearsal_touches_nothing(cause: Cause) -> None:
    """130 or 143; the instance goes."""
    world = World()
    world.good("one")
    world.backend.release("two").ready_after(5)
    result = world.deploy("two", rehearse=True, cancel=world.interrupted_in("preparing", cause))
    assert (result.outcome, result.exit_code) == (Outcome.interrupted, cause.exit_code)
    assert (world.serves, world.backend.rehearsing) == (["one"], [])


def test_an_interrupt_in_the_middle_of_a_rehearsal_ends_it_at_once() -> None:
    """While it is looked at."""
    world = World()
    world.good("one")
    world.backend.release("two").never_ready()
    cancel = world.interrupted_in("nowhere")
    world.moments.hooks.clear()
    world.probes.append(_Asking(lambda: cancel.request(Cause.sigint)))
    world.backend.release("two").good()
    began = world.clock.now()
    result = world.deploy("two", rehearse=True, cancel=cancel)
    assert result.exit_code == 130
    assert world.clock.now() - began < REHEARSAL
    assert (world.serves, world.backend.rehearsing) == (["one"], [])


def test_the_config_says_whether_to_rehearse_unless_the_caller_does() -> None:
    """Both ways."""
    for of_app, of_caller, rehearsed in [(True, None, 1), (True, False, 0), (False, None, 0), (False, True, 1)]:
        world = World()
        world.rehearse = of_app
        world.deploy("one", rehearse=of_caller)
        assert len(world.backend.rehearsed) == rehearsed
        assert len(world.heard(RehearsalStarted)) == rehearsed


def test_going_back_is_not_rehearsed() -> None:
    """Neither a rollback nor a restore."""
    world = World()
    world.good("one", "two")
    world.rollback()
    world.backend.release("three").crashes()
    world.deploy("three")
    assert world.backend.rehearsed == []


def test_what_serves_already_is_not_rehearsed() -> None:
    """It is left alone."""
    world = World()
    world.good("one")
    assert world.deploy("one", rehearse=True).outcome is Outcome.unchanged
    assert world.backend.rehearsed == []


def test_rolling_has_no_rehearsal() -> None:
    """Refused: 2, no row, nothing touched."""
    world = World()
    world.backend.strategy = "rolling"
    with pytest.raises(ConfigError, match="rehearse"):
        world.deploy("one", rehearse=True)
    assert (world.rows, world.serves) == ([], [])


def test_a_rehearsal_that_was_killed_is_abandoned() -> None:
    """Nothing was replaced; what it left goes with the next one."""
    world = World()
    world.good("one")
    world.probes.append(_Asking(lambda: _kill(world)))
    with pytest.raises(Killed):
        world.deploy("two", rehearse=True)
    world.probes.pop()
    assert len(world.backend.rehearsing) == 1
    result = world.recover()
    assert result
    assert (result.outcome, world.serves) == (Outcome.untouched, ["one"])
    assert world.deploy("two", rehearse=True).outcome is Outcome.deployed
    assert world.backend.rehearsing == []


def _kill(world: World) -> None:
    if world.backend.rehearsing:
        raise Killed


# Which probes judge it.


@dataclass
class _Asking:
    """A probe that says what it does, and when it is aimed, what at."""

    do: Callable[[], object] = lambda: None
    name: str = "asking"
    service: str | None = None
    reachable: bool = True
    aimed_at: list[Mapping[int, int]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def aimed(self, published: Mapping[int, int]) -> "_Aimed | None":
        self.aimed_at.append(published)
        return _Aimed(self) if self.reachable else None

    def look(self, instances: Sequence[Instance], timeout: float) -> Verdict:
        self.asked.append("what serves")
        return Verdict(ProbeVerdict.healthy)


@dataclass
class _Aimed(_Asking):
    """The same, of the rehearsal."""

    of: _Asking | None = None

    def __init__(self, of: _Asking) -> None:
        super().__init__(of.do)
        self.of = of

    def look(self, instances: Sequence[Instance], timeout: float) -> Verdict:
        assert self.of
        self.of.asked.append("the rehearsal")
        self.do()
        return Verdict(ProbeVerdict.healthy)


def test_a_probe_is_aimed_at_the_rehearsal() -> None:
    """By the ports that the release publishes; what serves is not asked."""
    world = World()
    world.good("one")
    world.backend.published = {8000: 80}
    probe = _Asking()
    world.probes.append(probe)
    asked: list[list[str]] = []
    world.when("backend.start", "before", lambda: asked.append(list(probe.asked)))
    world.deploy("two", rehearse=True)
    assert probe.aimed_at == [{8000: 80}]
    assert asked
    assert set(asked[0]) == {"what serves", "the rehearsal"}
    assert asked[0][1:] == ["the rehearsal"] * len(asked[0][1:]), "what serves was asked once, by the adoption"


def test_a_probe_that_cannot_ask_it_is_left_out_and_said() -> None:
    """Never sent as it is: what serves would answer."""
    world = World()
    world.good("one")
    probe = _Asking(name="http https://shop.example/", reachable=False)
    world.probes.append(probe)
    asked: list[int] = []
    world.when("backend.rehearse", "after", lambda: asked.append(len(probe.asked)))
    world.when("backend.start", "before", lambda: asked.append(len(probe.asked)))
    assert world.deploy("two", rehearse=True).outcome is Outcome.deployed
    assert asked[0] == asked[1]
    assert "the rehearsal is not judged by http https://shop.example/, which cannot ask it" in world.warnings()


def test_a_probe_of_a_service_that_is_not_rehearsed_is_left_out() -> None:
    """One instance of the main service stands there."""
    world = World()
    world.backend.services = ("web", "worker")
    probe = _Asking(service="worker", name="worker's")
    world.probes.append(probe)
    world.deploy("one", rehearse=True)
    assert probe.aimed_at == []
    assert any("not judged by worker's" in text for text in world.warnings())


def test_a_url_of_a_published_port_is_rewritten() -> None:
    """To the instance's own address; the app is asked by the name that it is asked by in earnest."""
    probe = HttpProbe(url="http://localhost:8000/api/health/").aimed({8000: 80})
    assert probe
    assert (probe.url, probe.headers) == ("http://{host}:80/api/health/", {"Host": "localhost:8000"})


# The release command.


def migrating(*good: str) -> World:
    world = World()
    world.good(*good)
    world.backend.release_command = True
    world.events.clear()
    return world


def test_the_release_command_is_run_once_before_anything_is_started() -> None:
    """Before the rehearsal too: the new release may need what it does."""
    world = migrating("one")
    world.moments.calls.clear()
    result = world.deploy("two", rehearse=True)
    steps = ("run_release_command", "rehearse", "start")
    calls = [call for call in world.moments.calls if call.removeprefix("backend.") in steps]
    assert calls == ["backend.run_release_command", "backend.rehearse", "backend.start"]
    assert world.backend.commanded == [result.id]


def test_what_it_writes_is_shown_as_it_comes() -> None:
    """Line by line, without secrets."""
    world = migrating("one")
    world.backend.secrets = ("hunter2",)
    world.backend.release("two").command_writes("Applying courts.0007", "password hunter2")
    world.deploy("two")
    kinds = [event for event in world.events if isinstance(event, CommandStarted | Output)]
    assert isinstance(kinds[0], CommandStarted)
    lines = [event.line for event in kinds if isinstance(event, Output)]
    assert lines[0] == "Applying courts.0007"
    assert "hunter2" not in lines[1]


def test_a_release_command_that_fails_leaves_all_untouched() -> None:
    """1; nothing was started, not even a rehearsal."""
    world = migrating("one")
    world.backend.release("two").command_raises(refuses("the release command exited with code 1"))
    result = world.deploy("two", rehearse=True)
    untouched(world, result)
    assert result.failure
    assert result.failure.summary == "the release command exited with code 1"
    assert world.backend.rehearsed == []


def test_going_back_runs_no_release_command() -> None:
    """Neither a rollback nor a restore; nor does what serves already."""
    world = migrating("one", "two")
    world.rollback()
    assert world.backend.commanded == []
    assert world.deploy("one").outcome is Outcome.unchanged
    assert world.backend.commanded == []
    world.backend.release("three").crashes()
    world.deploy("three")
    assert world.backend.commanded == [world.last.id]


def test_a_deploy_that_was_killed_in_its_release_command_does_not_go_on() -> None:
    """It is abandoned; the next deploy runs it again."""
    world = migrating("one")
    world.killed_when("backend.run_release_command", "after", lambda: world.deploy("two"))
    result = world.recover()
    assert result
    untouched(world, result)
    world.deploy("two")
    assert len(world.backend.commanded) == 2


# Irreversible releases.


def marked(how: str, world: World) -> dict[str, object]:
    if how == "label":
        world.backend.release("two").labelled(org__deploykit__irreversible="true")
        return {}
    return {"irreversible": True}


@pytest.mark.parametrize("how", ["option", "label"])
def test_a_marked_release_that_fails_is_not_gone_back_across(how: str) -> None:
    """left_unhealthy, 3; and `rollback` is refused without --force."""
    world = migrating("zero", "one")
    world.backend.release("two").never_ready()
    result = world.deploy("two", **marked(how, world))
    assert (result.outcome, result.exit_code, name(result.barrier)) == (Outcome.left_unhealthy, 3, "two")
    assert world.serves == ["two"]
    with pytest.raises(NoSuchRelease, match="irreversible") as caught:
        world.rollback()
    assert caught.value.exit_code == 2
    assert world.rollback(force=True).exit_code == 0
    assert world.serves == ["one"]


@pytest.mark.parametrize("how", ["option", "label"])
def test_rolling_keeps_the_old_instances_of_a_marked_release(how: str) -> None:
    """1, with a warning: what served serves still, and the new one is stopped."""
    world = migrating("one")
    world.backend.strategy = "rolling"
    before = [one.instance.id for one in world.backend.living()]
    world.backend.release("two").never_ready()
    result = world.deploy("two", **marked(how, world))
    assert (result.outcome, result.exit_code, name(result.serving)) == (Outcome.untouched, 1, "one")
    assert [one.instance.id for one in world.backend.living()] == before
    assert any("stopped beside what still serves" in text for text in world.warnings())


def test_a_marked_release_whose_command_has_begun_is_not_gone_back_across() -> None:
    """Though it was never started: its migration may have been done."""
    world = migrating("zero", "one")
    world.backend.release("two").command_raises(refuses())
    assert world.deploy("two", irreversible=True).outcome is Outcome.untouched
    with pytest.raises(NoSuchRelease, match="irreversible"):
        world.rollback()
    assert world.serves == ["one"]


def test_a_label_that_does_not_say_true_marks_nothing() -> None:
    """Only `true` does."""
    world = World()
    world.backend.release("one").labelled(org__deploykit__irreversible="false")
    release = world.deploy("one").release
    assert release
    assert not release.irreversible


def test_the_engine_is_not_waited_for_while_nothing_was_touched() -> None:
    """untouched, 1."""
    world = migrating("one")

    def hook(moment: Moment) -> None:
        if moment == Moment("backend.run_release_command", "before"):
            world.backend.goes_away(1000)

    began = world.clock.now()
    with world.moments.hooked(hook):
        assert world.deploy("two").outcome is Outcome.untouched
    assert world.clock.now() - began < 1
