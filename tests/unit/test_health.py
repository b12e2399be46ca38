"""The health wait: when it looks, what it takes for dead, when it has waited enough."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Self, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploykit.clock import in_thread
from deploykit.errors import EngineUnreachable, Interrupted
from deploykit.health import HealthCheck, HealthPolicy, Judgement, Look
from deploykit.interrupt import Cause, Interruption
from deploykit.protocols import Control, Probe, ProbeVerdict, PullPolicy, Verdict
from deploykit.release import Instance, Release
from deploykit.states import State
from deploykit.testing import FakeBackend, FakeProbe, FakeRelease, ManualClock, MemoryState

T = TypeVar("T")


@dataclass
class Stage:
    """A release that has just been started, and the wait on it."""

    policy: HealthPolicy = field(default_factory=lambda: HealthPolicy(attempts=30, interval=2.0))
    services: tuple[str, ...] = ("web",)
    looks: list[Look] = field(default_factory=list)
    interruption: Interruption = field(default_factory=Interruption)

    def __post_init__(self) -> None:
        self.clock = ManualClock()
        state = MemoryState(self.clock)
        self.backend = FakeBackend(self.clock, state.files, services=self.services)
        self.probe = FakeProbe(self.backend)
        self.probes: list[Probe] = [self.probe]
        self.state = state

    @property
    def script(self) -> FakeRelease:
        return self.backend.release("one")

    def started(self) -> Release:
        asked = self.script.image
        image = (
            self.backend.pull(asked, PullPolicy.missing, Control())
            if asked.id in self.backend.store.at_hand
            else self.backend.store.bring(str(asked.id), "one")
        )
        release = Release("r1", image, self.backend.snapshot(image).parts)
        self.state.files.keep("r1", self.backend.snapshot(image))
        self.backend.start(release, Control())
        return release

    @property
    def check(self) -> HealthCheck:
        return HealthCheck(self.backend, self.probes, self.policy, self.clock)

    def wait(self) -> Judgement:
        return self.check.wait(self.started(), self.interruption, self.looks.append, State.checking)

    def at(self, seconds: float, do: Callable[[], object]) -> None:
        """Do something at the first look that comes that late."""
        later = iter([do])
        self.probes.insert(0, Doing(lambda: [one() for one in _when(self.clock.now() >= seconds, later)]))


def _when(due: bool, later: "Iterator[Callable[[], object]]") -> "Sequence[Callable[[], object]]":
    return list(later) if due else []


class Unaimed:
    """A probe that asks the same of whatever it is aimed at."""

    def aimed(self, published: Mapping[int, int]) -> Self:
        return self


@dataclass
class Doing(Unaimed):
    """A probe that does something, and passes."""

    do: Callable[[], object]
    name: str = "doing"
    service: str | None = None

    def look(self, instances: Sequence[Instance], timeout: float) -> Verdict:
        self.do()
        return Verdict(ProbeVerdict.healthy)


@dataclass
class Saying(Unaimed):
    """A probe that always says the same."""

    verdict: Verdict
    name: str = "saying"
    service: str | None = None
    asked: list[Sequence[Instance]] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)

    def look(self, instances: Sequence[Instance], timeout: float) -> Verdict:
        self.asked.append(instances)
        self.timeouts.append(timeout)
        return self.verdict


def test_the_first_look_is_at_once() -> None:
    """A release that is ready at once is told healthy at once."""
    stage = Stage()
    assert stage.wait().healthy
    assert stage.clock.elapsed == 0
    assert stage.probe.looks == [0]


@given(st.floats(0.01, 58))
def test_an_app_is_told_healthy_within_five_percent_of_its_start_up_time(seconds: float) -> None:
    """Or within 50 ms, whichever is longer; never later than that."""
    stage = Stage()
    stage.script.ready_after(seconds)
    assert stage.wait().healthy
    assert seconds <= stage.clock.elapsed <= seconds + max(0.05, 0.05 * seconds) + 0.001


@given(st.integers(1, 40), st.floats(0.1, 5))
def test_gaps_grow_from_50_ms_to_the_interval_and_the_budget_is_kept(attempts: int, interval: float) -> None:
    """Gaps are 5 % of the time gone, at least 50 ms and at most `interval`; it fails when the budget is used up."""
    stage = Stage(HealthPolicy(attempts=attempts, interval=interval))
    stage.script.never_ready()
    judgement = stage.wait()
    budget = attempts * interval
    assert judgement.failure
    assert judgement.failure.summary == f"Health check failed after {budget:g}s"
    assert not judgement.failure.dead
    assert budget - 0.051 <= stage.clock.elapsed <= budget + 0.001
    looks = stage.probe.looks
    gaps = [(now, later - now) for now, later in itertools.pairwise(looks) if later < budget * 0.89]
    assert all(abs(gap - min(max(0.05, 0.05 * now), interval)) < 0.001 for now, gap in gaps)


def test_the_last_attempt_is_cut_at_the_budget() -> None:
    """A probe never gets more time than is left."""
    stage = Stage(HealthPolicy(attempts=3, interval=1.0))
    slow = Saying(Verdict(ProbeVerdict.unhealthy, "500"))
    stage.probes = [slow]
    stage.wait()
    lefts = slow.timeouts
    assert lefts[-1] <= 0.05001
    assert lefts[0] == 3.0
    assert all(later < now for now, later in itertools.pairwise(lefts))


def test_the_first_look_has_its_time_whatever_the_engine_took(monkeypatch: pytest.MonkeyPatch) -> None:
    """What serves is not failed because a loaded machine was slow to tell what runs."""
    stage = Stage(HealthPolicy(attempts=2, interval=1.0))
    stage.probes = [_SlowAtLast(stage.clock)]
    release, instances = stage.started(), stage.backend.instances

    def slow(release: Release) -> Sequence[Instance]:
        stage.clock.sleep(5)
        return instances(release)

    monkeypatch.setattr(stage.backend, "instances", slow)
    judgement = stage.check.wait(release, stage.interruption, stage.looks.append, State.checking)
    assert judgement.failure is not None
    assert judgement.failure.detail == "answered 500"


def test_a_slow_probe_does_not_use_up_more_than_the_budget() -> None:
    """A look that takes longer than what is left ends with the budget."""
    stage = Stage(HealthPolicy(attempts=2, interval=2.0))
    stage.script.never_ready()
    stage.probe.takes = 3.0
    stage.wait()
    assert stage.clock.elapsed <= 4.0 + 0.06


@pytest.mark.parametrize(("after", "code"), [(0.0, 0), (0.31, 3), (7.123, 1)])
def test_a_death_is_told_at_once_by_the_watch(after: float, code: int) -> None:
    """Not by looks: at the very moment, whatever the gap, also with code 0."""
    stage = Stage()
    stage.script.crashes(after=after, exit_code=code)
    judgement = stage.wait()
    assert judgement.failure
    assert stage.clock.elapsed == pytest.approx(after)
    assert judgement.failure.dead
    assert judgement.failure.exit_code == code
    assert judgement.failure.summary == f"Container exited with code {code} after {after:.1f}s"


def test_an_oom_kill_is_dead() -> None:
    """With code 137, and told as what it is; whatever `max_restarts`."""
    stage = Stage(HealthPolicy(max_restarts=5))
    stage.script.oom(after=1).restarts()
    judgement = stage.wait()
    assert judgement.failure
    assert judgement.failure.oom_killed
    assert judgement.failure.exit_code == 137
    assert judgement.failure.summary.endswith("(out of memory)")
    assert stage.clock.elapsed < 1.2


def test_a_crash_loop_is_dead_with_the_code_of_its_death() -> None:
    """Under a restart policy the first restart is one too many, and the code is that of the exit."""
    stage = Stage()
    stage.script.crashes(after=0.5, exit_code=3).restarts()
    judgement = stage.wait()
    assert judgement.failure
    assert (judgement.failure.dead, judgement.failure.exit_code) == (True, 3)
    assert judgement.failure.summary.startswith("Container exited with code 3")
    assert stage.clock.elapsed < 1


@pytest.mark.parametrize("allowed", [1, 2, 3])
def test_more_restarts_than_allowed_are_dead(allowed: int) -> None:
    """`max_restarts` of them are not, one more is."""
    stage = Stage(HealthPolicy(max_restarts=allowed))
    stage.script.crashes(after=0.5, exit_code=3).restarts()
    judgement = stage.wait()
    assert judgement.failure
    assert judgement.failure.dead
    (instance,) = [one.instance for one in stage.backend.present]
    assert instance.restarts == allowed + 1


def test_a_restart_that_is_allowed_begins_the_stable_time_anew() -> None:
    """And once it has been stable for that long, it is healthy: one restart does not count for ever."""
    stage = Stage(HealthPolicy(max_restarts=1, stable_for=5))
    stage.script.crashes(after=3).ready_after(0).restarts()
    stage.at(3.05, lambda: _settle_down(stage))
    judgement = stage.wait()
    assert judgement.healthy
    assert 8 <= stage.clock.elapsed <= 9


def _settle_down(stage: Stage) -> None:
    from dataclasses import replace

    for one in stage.backend.present:
        one.behaviour = replace(one.behaviour, dies_after=float("inf"))


def test_stable_for_may_run_past_the_budget() -> None:
    """The budget is for turning healthy; staying so may take longer."""
    stage = Stage(HealthPolicy(attempts=2, interval=1.0, stable_for=10))
    stage.script.ready_after(1.5)
    assert stage.wait().healthy
    assert 11.5 <= stage.clock.elapsed <= 12.1


def test_a_death_in_the_stable_time_is_dead() -> None:
    """A container that dies 2 s after start with stable_for = 3 is told dead."""
    stage = Stage(HealthPolicy(stable_for=3))
    stage.script.crashes(after=2, exit_code=4).ready_after(0)
    judgement = stage.wait()
    assert judgement.failure
    assert judgement.failure.exit_code == 4
    assert stage.clock.elapsed == pytest.approx(2.0)


def test_turning_unhealthy_begins_the_stable_time_anew() -> None:
    """A release that flaps faster than it must be stable fails when the budget is used up."""
    stage = Stage(HealthPolicy(attempts=10, interval=1.0, stable_for=3))
    stage.script.flaps(every=2)
    judgement = stage.wait()
    assert judgement.failure
    assert judgement.failure.detail == "answers 500"
    assert 10 <= stage.clock.elapsed + 0.06 <= 13


def test_every_probe_must_pass() -> None:
    """One that does not is enough, and its reason is the failure's."""
    stage = Stage(HealthPolicy(attempts=1, interval=1.0))
    stage.probes.append(Saying(Verdict(ProbeVerdict.unhealthy, "checks.database is false")))
    judgement = stage.wait()
    assert judgement.failure
    assert judgement.failure.detail == "checks.database is false"


def test_without_probes_staying_alive_is_enough() -> None:
    """Liveness is always on."""
    stage = Stage(HealthPolicy(stable_for=1))
    stage.probes = []
    assert stage.wait().healthy
    stage = Stage(HealthPolicy(stable_for=1))
    stage.probes = []
    stage.script.crashes(after=0.5)
    assert not stage.wait().healthy


def test_a_probe_that_says_dead_ends_the_wait() -> None:
    """Looking again cannot help."""
    stage = Stage()
    stage.probes.append(Saying(Verdict(ProbeVerdict.dead, "unhealthy, 3 times in a row")))
    judgement = stage.wait()
    assert judgement.failure
    assert (judgement.failure.dead, judgement.failure.summary) == (True, "unhealthy, 3 times in a row")
    assert stage.clock.elapsed == 0


def test_a_probe_looks_at_the_instances_of_its_service() -> None:
    """Liveness is over every service all the same."""
    stage = Stage(services=("web", "worker"))
    asked = Saying(Verdict(ProbeVerdict.healthy), service="worker")
    stage.probes = [asked]
    assert stage.wait().healthy
    assert [one.service for one in asked.asked[0]] == ["worker"]

    stage = Stage(HealthPolicy(stable_for=5), services=("web", "worker"))
    stage.probes = [Saying(Verdict(ProbeVerdict.healthy), service="worker")]
    release = stage.started()
    stage.backend.present[0].die(9)
    judgement = stage.check.wait(release, Interruption(), stage.looks.append, State.checking)
    assert judgement.failure
    assert judgement.failure.exit_code == 9


def test_warnings_of_the_last_look_are_told_once() -> None:
    """They fail nothing."""
    stage = Stage()
    stage.script.warns("checks.frontend_assets is false")
    stage.probes *= 2
    assert stage.wait().warnings == ("checks.frontend_assets is false",)


def test_every_look_is_told() -> None:
    """With its number, the time gone, the budget and the verdict."""
    stage = Stage()
    stage.script.ready_after(0.12)
    judgement = stage.wait()
    assert [look.attempt for look in stage.looks] == [1, 2, 3, 4]
    assert [look.verdict.healthy for look in stage.looks] == [False, False, False, True]
    assert all(look.budget == 60 for look in stage.looks)
    assert judgement.looks == 4


def test_a_release_without_instances_is_dead() -> None:
    """When they are gone altogether, there is nothing to wait for."""
    stage = Stage()
    release = stage.started()
    stage.backend.present.clear()
    judgement = stage.check.wait(release, Interruption(), stage.looks.append, State.checking)
    assert judgement.failure
    assert judgement.failure.summary == "no container of release r1 is left"


def test_an_interrupt_is_obeyed_between_looks() -> None:
    """Within 0.2 s, in the longest gap."""
    stage = Stage()
    stage.script.never_ready()
    stage.at(50, lambda: stage.interruption.request(Cause.sigterm))
    with pytest.raises(Interrupted):
        stage.wait()
    assert stage.clock.elapsed < 53


def test_an_engine_that_goes_away_is_told() -> None:
    """It is not taken for an unhealthy release."""
    stage = Stage()
    stage.script.never_ready()
    stage.at(5, stage.backend.goes_away)
    with pytest.raises(EngineUnreachable):
        stage.wait()


def test_old_restarts_are_not_held_against_an_instance() -> None:
    """An instance that was never replaced brings its past along."""
    stage = Stage()
    release = stage.started()
    from dataclasses import replace

    one = stage.backend.present[0]
    one.instance = replace(one.instance, restarts=7)
    one.history[0] = (0.0, one.instance)
    stage.clock.advance(86400)
    assert stage.check.wait(release, Interruption(), stage.looks.append, State.checking).healthy
    assert not stage.check.wait(release, Interruption(), stage.looks.append, State.checking).failure


@pytest.mark.parametrize("status", ["created", "restarting", "paused"])
def test_what_does_not_run_is_not_healthy(status: str) -> None:
    """Whatever the probes say, a container that is created, restarting or paused is not healthy."""
    from dataclasses import replace

    stage = Stage(HealthPolicy(attempts=1, interval=1))
    stage.started()
    one = stage.backend.present[0]
    one.instance = replace(one.instance, status=status)  # type: ignore[arg-type]  # parametrized
    stage.probes = []
    if status == "paused":
        assert not stage.check.look_now(1).healthy
    assert not stage.check.look_at_all([one.instance], 1).healthy


def test_what_the_runtime_says_is_wrong_is_told() -> None:
    """As the reason of what does not run, and as a warning of what does: a node that was lost fails no deploy."""
    check = Stage().check
    idle = Instance("i", "web", "created", name="web.1", error="no suitable node")
    assert check.look_at_all([idle], 1).reason == "web.1 is created: no suitable node"
    moved = Instance("i", "web", "running", name="web.1", error="moved: node web-2 is down")
    verdict = replace(check, probes=()).look_at_all([moved], 1)
    assert (verdict.healthy, verdict.warnings) == (True, ("web.1: moved: node web-2 is down",))


def test_what_a_thousand_instances_tell_alike_is_told_of_a_few() -> None:
    """The rest is a number: each batch of a release would tell them all anew."""
    check = replace(Stage().check, probes=())
    moved = [Instance(f"i{one}", "web", "running", name=f"web.{one}", error="moved") for one in range(1000)]
    *told, more = check.look_at_all(moved, 1).warnings
    assert told == [f"web.{one}: moved" for one in range(10)]
    assert more == "990 more like these"
    assert len(check.look_at_all(moved[:10], 1).warnings) == 10


def test_looking_now_sees_the_dead() -> None:
    """A release of which one instance has died is not healthy, and nothing at all is not either."""
    stage = Stage(services=("web", "worker"))
    assert stage.check.look_now(1).reason == "nothing runs"
    stage.started()
    assert stage.check.look_now(1).healthy
    stage.backend.present[1].die(7)
    verdict = stage.check.look_now(1)
    assert (verdict.verdict, "code 7" in verdict.reason) == (ProbeVerdict.dead, True)


def test_the_budget_is_attempts_times_interval() -> None:
    """30 times 2 s by default."""
    assert HealthPolicy().budget == 60


def test_a_look_that_the_budget_cuts_does_not_hide_the_reason() -> None:
    """What the app answered while there was time is told, not that the last look had none left."""
    stage = Stage(HealthPolicy(attempts=2, interval=1))
    stage.probes = [_SlowAtLast(stage.clock)]
    judgement = stage.wait()
    assert judgement.failure is not None
    assert judgement.failure.detail == "answered 500"


class _SlowAtLast(Unaimed):
    """Answers until there is too little time for an answer."""

    name = "slow"
    service = None

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock

    def look(self, instances: Sequence[Instance], timeout: float) -> Verdict:
        if timeout > 0.1:
            return Verdict(ProbeVerdict.unhealthy, "answered 500")
        self._clock.sleep(timeout)
        return Verdict(ProbeVerdict.unhealthy, f"no answer within {timeout:g}s")


def test_no_secret_is_in_what_a_look_says() -> None:
    """Reasons and warnings, which go to lines, JSON and the journal, have no secret of the backend's in them."""
    stage = Stage(HealthPolicy(attempts=1, interval=1.0))
    stage.backend.secrets = ("hunter2",)
    stage.probes = [Saying(Verdict(ProbeVerdict.unhealthy, "answered 500: hunter2", ("hunter2 is weak",)))]
    judgement = stage.wait()
    assert judgement.failure
    verdict = stage.looks[0].verdict
    assert "hunter2" not in f"{judgement.failure.detail} {verdict.reason} {verdict.warnings}"
    assert verdict.warnings


class Eye:
    """A watch that tells of a death when it is asked, once."""

    def __init__(self, clock: ManualClock, *deaths: Instance) -> None:
        self.clock = clock
        self.deaths = list(deaths)

    def __enter__(self) -> "Eye":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def wait(self, seconds: float) -> Sequence[Instance]:
        if self.deaths:
            return [self.deaths.pop()]
        self.clock.advance(seconds)
        return ()


@dataclass
class Hanging(Unaimed):
    """A probe whose look does not come back before it is let go; meanwhile the eye sees a death."""

    eye: Eye
    death: Instance
    let_go: Event = field(default_factory=Event)
    name: str = "hanging"
    service: str | None = None

    def look(self, instances: Sequence[Instance], timeout: float) -> Verdict:
        self.eye.deaths.append(self.death)
        self.let_go.wait(30)
        return Verdict(ProbeVerdict.healthy)


class Beside(ManualClock):
    """A manual clock, but that what is done aside is really done beside the caller."""

    def aside(self, work: Callable[[], T]) -> "Future[T]":
        return in_thread(work)


def test_a_death_is_told_while_a_look_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection to what has just died may hang for as long as the probe lets it; the death does not wait."""
    stage = Stage()
    stage.clock = stage.backend.clock = Beside()
    release = stage.started()
    death = replace(stage.backend.instances(release)[0], status="exited", exit_code=3)
    eye = Eye(stage.clock)
    probe = Hanging(eye, death)
    stage.probes = [probe]
    monkeypatch.setattr(stage.backend, "watch", lambda _: eye)
    try:
        judgement = stage.check.wait(release, stage.interruption, stage.looks.append, State.checking)
    finally:
        probe.let_go.set()
    assert judgement.failure is not None
    assert (judgement.failure.dead, judgement.failure.exit_code, stage.looks) == (True, 3, [])


@pytest.mark.parametrize(("allowed", "oom", "dead"), [(0, False, True), (1, False, False), (1, True, True)])
def test_where_restarts_are_allowed_the_runtime_has_the_last_word(
    monkeypatch: pytest.MonkeyPatch, allowed: int, *, oom: bool, dead: bool
) -> None:
    """A watch that cannot tell whether a container is started again says that it has exited; out of memory is dead."""
    stage = Stage(HealthPolicy(max_restarts=allowed))
    release = stage.started()
    death = replace(stage.backend.instances(release)[0], status="exited", oom_killed=oom, exit_code=137)
    monkeypatch.setattr(stage.backend, "watch", lambda _: Eye(stage.clock, death))
    assert stage.check.wait(release, stage.interruption, stage.looks.append, State.checking).healthy is not dead
