"""Looking on: what ends it, and what is taken for unhealthy."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from deploykit.bake import FAILING_LOOKS, Bake, Seen
from deploykit.errors import EngineUnreachable
from deploykit.events import Sight
from deploykit.health import HealthCheck, HealthPolicy
from deploykit.interrupt import Cause, Interruption
from deploykit.protocols import Probe, ProbeVerdict, Verdict
from deploykit.testing import FakeRelease
from tests.unit.test_health import Saying
from tests.unit.world import World


@dataclass
class Stage:
    """A release that a deploy has just taken live, and the look on."""

    policy: HealthPolicy = field(default_factory=lambda: HealthPolicy(attempts=5, interval=2.0))
    seconds: float = 60.0
    world: World = field(default_factory=World)
    interruption: Interruption = field(default_factory=Interruption)
    superseded_at: float = float("inf")
    faltered: list[tuple[float, int, str]] = field(default_factory=list)
    away: list[str] = field(default_factory=list)
    probes: list[Probe] | None = None

    @property
    def script(self) -> FakeRelease:
        return self.world.backend.release("one")

    def bake(self) -> Seen:
        release = self.world.deploy("one").release
        assert release
        self.began = self.world.clock.now()
        probes = self.world.probes if self.probes is None else self.probes
        return Bake(
            check=HealthCheck(self.world.backend, probes, self.policy, self.world.clock),
            release=release,
            seconds=self.seconds,
            interruption=self.interruption,
            superseded=lambda: self.world.clock.now() - self.began >= self.superseded_at,
            falter=lambda *told: self.faltered.append(told),
            away=self._away,
        ).run()

    def _away(self, error: EngineUnreachable) -> None:
        self.away.append(str(error))

    def at(self, seconds: float, do: Callable[[], object]) -> None:
        """Do something at the first look that comes that late."""
        from tests.unit.test_health import Doing

        later = iter([do])

        def due() -> None:
            if self.world.clock.now() - self.began >= seconds:
                for one in later:
                    one()

        self.probes = [Doing(due), *self.world.probes]


def test_a_release_that_stays_healthy_is_looked_at_until_the_end() -> None:
    """Once at each interval, and at the end."""
    stage = Stage(seconds=5.0)
    seen = stage.bake()
    assert (seen.sight, seen.elapsed, seen.failure) == (Sight.healthy, 5.0, None)
    looks = [at - stage.began for at in stage.world.probes[0].looks if at >= stage.began]  # type: ignore[attr-defined]  # a FakeProbe
    assert looks[-4:] == [0.0, 2.0, 4.0, 5.0]


@pytest.mark.parametrize("after", [0.3, 12.34])
def test_a_death_is_seen_at_that_very_moment(after: float) -> None:
    """Told by the watch, not by a look."""
    stage = Stage()
    stage.script.crashes(after=after, exit_code=3).ready_after(0)
    seen = stage.bake()
    assert seen.sight is Sight.unhealthy
    assert seen.elapsed == pytest.approx(after)
    assert seen.failure
    assert (seen.failure.summary, seen.failure.dead, seen.failure.exit_code) == (
        f"Container exited with code 3 after {after:.1f}s",
        True,
        3,
    )


def test_out_of_memory_is_dead_though_it_is_started_again() -> None:
    """Whatever `max_restarts` allows."""
    stage = Stage(HealthPolicy(interval=2.0, max_restarts=3))
    stage.script.oom(after=7).ready_after(0).restarts()
    seen = stage.bake()
    assert seen.failure
    assert seen.failure.oom_killed
    assert seen.elapsed < 7.2


@pytest.mark.parametrize(
    ("allowed", "seconds", "sight"),
    [(0, 20, Sight.unhealthy), (2, 20, Sight.healthy), (2, 60, Sight.unhealthy)],
)
def test_more_restarts_than_allowed_are_unhealthy(allowed: int, seconds: float, sight: Sight) -> None:
    """`max_restarts` of them are not, when what was started again is healthy."""
    stage = Stage(HealthPolicy(interval=2.0, max_restarts=allowed), seconds)
    stage.script.crashes(after=7).ready_after(0).restarts()
    assert stage.bake().sight is sight


def test_looks_that_fail_in_a_row_are_unhealthy() -> None:
    """As many as the constant says, one interval apart; each is told with its reason."""
    stage = Stage()
    stage.script.turns_unhealthy(after=11)
    seen = stage.bake()
    assert seen.failure
    assert (seen.failure.summary, seen.failure.dead) == ("answers 500", False)
    assert stage.faltered == [(12.0, 1, "answers 500"), (14.0, 2, "answers 500"), (16.0, 3, "answers 500")]
    assert len(stage.faltered) == FAILING_LOOKS == 3


def test_fewer_failing_looks_are_forgotten() -> None:
    """One that passes begins the count anew."""
    stage = Stage()
    stage.script.flaps(every=3.0)
    assert stage.bake().sight is Sight.healthy
    assert {number for _, number, _ in stage.faltered} <= {1, 2}
    assert len(stage.faltered) > 3


@pytest.mark.parametrize(("back", "sight"), [(True, Sight.healthy), (False, Sight.unhealthy)])
def test_a_failing_look_at_the_end_is_looked_into(sight: Sight, *, back: bool) -> None:
    """It goes on until the release has passed again, or has turned unhealthy."""
    stage = Stage(seconds=12.0)
    stage.script.turns_unhealthy(after=11.5)
    if back:
        stage.at(14.0, lambda: _cure(stage))
    seen = stage.bake()
    assert seen.sight is sight
    assert seen.elapsed > 12.0


def _cure(stage: Stage) -> None:
    for one in stage.world.backend.present:
        one.behaviour = replace(one.behaviour, unhealthy_after=float("inf"))


def test_a_probe_that_says_dead_is_believed_at_once() -> None:
    """Looking again cannot help."""
    stage = Stage(probes=[Saying(Verdict(ProbeVerdict.dead, "unhealthy, 3 times in a row"))])
    seen = stage.bake()
    assert seen.failure
    assert (seen.failure.summary, seen.failure.dead, seen.elapsed) == ("unhealthy, 3 times in a row", True, 0.0)


def test_another_deployment_ends_it() -> None:
    """Within a second, and also when it has just killed what is watched."""
    stage = Stage(superseded_at=7.5)
    seen = stage.bake()
    assert (seen.sight, seen.failure) == (Sight.superseded, None)
    assert 7.5 <= seen.elapsed <= 8.5

    stage = Stage(superseded_at=7.5)
    stage.script.crashes(after=7.3).ready_after(0)
    stage.at(6, lambda: stage.world.when("backend.identity", "before", lambda: stage.world.clock.advance(0.3)))
    assert stage.bake().sight is Sight.superseded


def test_what_somebody_put_in_its_place_by_hand_ends_it() -> None:
    """That is not its death."""
    stage = Stage()
    stage.at(9, lambda: stage.world.backend.serving("by-hand"))
    assert stage.bake().sight is Sight.superseded


def test_what_is_gone_altogether_is_dead() -> None:
    """Nothing else serves then."""
    stage = Stage()
    stage.at(9, lambda: stage.world.backend.present.clear())
    seen = stage.bake()
    assert seen.failure
    assert seen.failure.summary == "no container of release r1 is left"


def test_being_told_to_stop_ends_it() -> None:
    """Within 0.2 s, whatever it does; also when it was told before."""
    stage = Stage(seconds=float("inf"))
    stage.at(9, lambda: stage.interruption.request(Cause.sigterm))
    seen = stage.bake()
    assert (seen.sight, seen.failure) == (Sight.stopped, None)
    assert seen.elapsed <= 10.2
    assert stage.bake().elapsed == 0


def test_an_engine_that_is_away_is_waited_for() -> None:
    """That it does not answer says nothing of the app; then it is looked at as before."""
    stage = Stage(seconds=60.0)
    stage.at(9, lambda: stage.world.backend.goes_away(20))
    seen = stage.bake()
    assert seen.sight is Sight.healthy
    assert seen.elapsed == pytest.approx(60)
    assert stage.away == ["the fake engine does not answer"]

    stage = Stage(seconds=60.0)
    stage.script.turns_unhealthy(after=20)
    stage.at(9, lambda: stage.world.backend.goes_away(20))
    assert stage.bake().sight is Sight.unhealthy


def test_a_death_while_the_engine_is_away_is_seen_when_it_answers() -> None:
    """By what it shows then."""
    stage = Stage(seconds=60.0)
    stage.script.crashes(after=15).ready_after(0)
    stage.at(9, lambda: stage.world.backend.goes_away(20))
    seen = stage.bake()
    assert seen.sight is Sight.unhealthy
    assert 29 <= seen.elapsed <= 31


def test_an_engine_that_stays_away_ends_it_with_the_time() -> None:
    """Unseen, not unhealthy."""
    stage = Stage(seconds=30.0)
    stage.at(9, stage.world.backend.goes_away)
    seen = stage.bake()
    assert (seen.sight, seen.failure) == (Sight.unseen, None)
    assert seen.elapsed == pytest.approx(30)


@pytest.mark.parametrize("how", ["stopped", "superseded"])
def test_waiting_for_an_engine_has_an_end_too(how: str) -> None:
    """Being told to stop, or another deployment."""
    stage = Stage(seconds=float("inf"), superseded_at=20 if how == "superseded" else float("inf"))

    def go() -> None:
        stage.world.backend.goes_away()
        if how == "stopped":
            stage.interruption.request(Cause.sigint)

    stage.at(9, go)
    assert stage.bake().sight is Sight(how)


def test_a_death_that_an_ending_engine_tells_is_not_believed() -> None:
    """It takes its containers along, and starts them again when it is back."""
    stage = Stage()
    backend = stage.world.backend

    def ends() -> None:
        (one,) = backend.present
        one.die(137)
        one.instance = replace(one.instance, finished_at=None)
        stage.world.when("backend.identity", "before", lambda: _away_and_back(stage))

    stage.at(9, ends)
    assert stage.bake().sight is Sight.healthy


def _away_and_back(stage: Stage) -> None:
    stage.world.backend.goes_away(5)
    (one,) = stage.world.backend.present
    one.instance = replace(one.instance, status="running", exit_code=None)
