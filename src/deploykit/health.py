"""The health wait: looks at a release until it is healthy, dead, or out of time. Only here is tenacity imported."""

import math
from collections.abc import Callable, Sequence
from concurrent import futures
from dataclasses import dataclass, field, replace
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_result, stop_never

from deploykit.interrupt import Interruption
from deploykit.protocols import Backend, Clock, Probe, ProbeVerdict, Verdict, Watch
from deploykit.record import Failure
from deploykit.redact import redacted
from deploykit.release import Instance, Release
from deploykit.states import State

T = TypeVar("T")

SHORTEST_GAP = 0.05
"""Seconds between two looks, at least."""
GROWTH = 0.05
"""Gap between looks as a part of the time gone: an app is told healthy within 5 % of its start-up time."""
_SLICE = 0.2
_BLINK = 0.02
_LAST_LOOK = 0.05
_EXPLANATION = 1.0


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """How long a release may take to turn healthy. `interval`, `stable_for` and `bake` are in seconds.

    The defaults are those of the script that deploykit replaces: 30 attempts, 2 s apart.
    """

    attempts: int = 30
    interval: float = 2.0
    stable_for: float = 0.0
    max_restarts: int = 0
    bake: float = 0.0

    @property
    def budget(self) -> float:
        """Seconds until a release that does not turn healthy has failed."""
        return self.attempts * self.interval


@dataclass(frozen=True, slots=True)
class Look:
    """One look of the wait, as its listener gets it. Times are seconds."""

    attempt: int
    elapsed: float
    budget: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the wait came to: healthy when `failure` is None."""

    failure: Failure | None
    warnings: tuple[str, ...] = ()
    looks: int = 0
    elapsed: float = 0.0

    @property
    def healthy(self) -> bool:
        return self.failure is None


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Judges releases of one backend by probes and a policy. `noun` is what an instance is called."""

    backend: Backend
    probes: Sequence[Probe]
    policy: HealthPolicy
    clock: Clock
    noun: str = "Container"

    def look(self, instances: Sequence[Instance], timeout: float) -> Verdict:
        """Look once with every probe, within `timeout` seconds: healthy when all parts are. Tells no secret."""
        deadline = self.clock.now() + timeout
        warnings: list[str] = []
        for probe in self.probes:
            chosen = [one for one in instances if one.alive and probe.service in (None, one.service)]
            verdict = self._redacted(probe.look(chosen, max(deadline - self.clock.now(), 0.001)))
            warnings += verdict.warnings
            if not verdict.healthy:
                return verdict
        return Verdict(ProbeVerdict.healthy, warnings=tuple(dict.fromkeys(warnings)))

    def _redacted(self, verdict: Verdict) -> Verdict:
        """Blank out what an app may give away of its environment when it tells why it is not well."""
        reason, *warnings = (redacted(text, self.backend.redact) for text in (verdict.reason, *verdict.warnings))
        return replace(verdict, reason=reason, warnings=tuple(warnings))

    def look_now(self, timeout: float) -> Verdict:
        """Look once at what runs, dead instances included."""
        running = self.backend.running()
        if running is None:
            return Verdict(ProbeVerdict.dead, "nothing runs")
        dead = [one for one in running.instances if one.status == "exited"]
        if dead:
            return Verdict(ProbeVerdict.dead, describe_death(dead[0], self.noun))
        return self.look_at_all(running.instances, timeout)

    def look_at_all(self, instances: Sequence[Instance], timeout: float) -> Verdict:
        """Look once, at instances that must all run."""
        idle = [one for one in instances if one.status != "running"]
        if idle:
            return Verdict(ProbeVerdict.unhealthy, f"{idle[0].name or idle[0].id} is {idle[0].status}")
        return self.look(instances, timeout)

    def wait(
        self, release: Release, interruption: Interruption, listen: Callable[[Look], None], state: State
    ) -> Judgement:
        """Look until the release is healthy and stays so, or has failed in `state`.

        Raises:
            Interrupted: told to stop.
            EngineUnreachable: the runtime does not answer any more.
        """
        with self.backend.watch(release) as watch:
            wait = _Wait(self, release, watch, interruption, listen, state)
            retrying = Retrying(
                stop=stop_never,  # the wait knows its own end, by the clock that it was given
                wait=wait.gap,
                sleep=wait.sleep,
                retry=retry_if_result(lambda judgement: judgement is None),
            )
            judgement = retrying(wait.attempt)
            assert judgement is not None  # noqa: S101 - None is what it retries on
            return judgement


@dataclass(slots=True)
class _Wait:
    check: HealthCheck
    release: Release
    watch: Watch
    interruption: Interruption
    listen: Callable[[Look], None]
    state: State
    looks: int = 0
    healthy_since: float | None = None
    reason: str = ""
    seen: dict[str, Instance] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    restarts_before: dict[str, int] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    began: float = field(init=False)
    refreshed: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.check.clock.now()
        self._refresh()

    @property
    def elapsed(self) -> float:
        return self.check.clock.now() - self.began

    @property
    def left(self) -> float:
        return self.check.policy.budget - self.elapsed

    def attempt(self) -> Judgement | None:
        """Judge once; None when it is to be judged again."""
        self.interruption.check()
        # What the watch tells comes first: it knows exit codes that the runtime forgets with the next start.
        self._hear(0)
        if (dead := self._dead()) is not None:
            return dead
        if self.check.clock.now() - self.refreshed >= self.check.policy.interval:
            self._refresh()
        return self._dead() or self._look()

    def gap(self, _: RetryCallState) -> float:
        """Seconds until the next look."""
        gap = min(max(SHORTEST_GAP, GROWTH * self.elapsed), self.check.policy.interval)
        if self.healthy_since is not None:
            ends = self.healthy_since + self.check.policy.stable_for
            return min(gap, max(ends - self.check.clock.now(), 0))
        # The last look comes shortly before the budget is used up, not at the end of a long gap after it.
        return min(gap, 0.9 * max(self.left, 0))

    def sleep(self, seconds: float) -> None:
        """Wait with an eye open: for at most that long, until something changes."""
        until = self.check.clock.now() + seconds
        while (left := until - self.check.clock.now()) > 0:
            self.interruption.check()
            if self._hear(min(left, _SLICE)):
                return

    def _hear(self, seconds: float) -> bool:
        """Let the watch tell, for at most that long; whether it did."""
        told = [self._doubted(one) for one in self.watch.wait(seconds)]
        self._note(told)
        return bool(told)

    def _doubted(self, one: Instance) -> Instance:
        """Where restarts are allowed, the runtime must say whether one that the watch saw die is started again."""
        if one.status != "exited" or one.oom_killed or not self.check.policy.max_restarts:
            return one
        self.refreshed = -math.inf
        return replace(one, status="restarting")

    def _aside(self, work: Callable[[], T]) -> T | None:
        """Do what may take its time, or hang on an instance that died, with an eye open: None when one has died."""
        pending = self.check.clock.aside(work)
        while not pending.done():
            self.interruption.check()
            futures.wait([pending], _BLINK)
            self._hear(0)
            if any(self._is_dead(one) for one in self.seen.values()):
                return None
        return pending.result()

    def _refresh(self) -> None:
        self.refreshed = self.check.clock.now()
        instances = self._aside(lambda: self.check.backend.instances(self.release))
        if instances is not None:
            self.seen = {}
            self._note(instances)

    def _note(self, instances: Sequence[Instance]) -> None:
        for one in instances:
            self.restarts_before.setdefault(one.id, self._old_restarts(one))
            if one.restarts > self.restarts.get(one.id, self.restarts_before[one.id]):
                self.healthy_since = None
            self.restarts[one.id] = one.restarts
            self.seen[one.id] = one
            if one.exit_code is not None:
                self.codes[one.id] = one.exit_code

    def _old_restarts(self, one: Instance) -> int:
        """Restarts from before the wait: an instance that was never replaced brings its past along."""
        age = self.check.clock.time() - (one.created_at or 0)
        return one.restarts if age > self.elapsed + self.check.policy.budget else 0

    def _dead(self) -> Judgement | None:
        if not self.seen:
            return self._failed(f"no {self.check.noun.lower()} of release {self.release.id} is left", dead=True)
        for one in self.seen.values():
            if self._is_dead(one):
                died = self._explained(one)
                return self._failed(describe_death(died, self.check.noun), dead=True, instance=died)
        return None

    def _explained(self, one: Instance) -> Instance:
        """Return a dead instance with its exit code: the watch tells what the runtime forgets with the next start."""
        if one.exit_code is None and one.id in self.codes:
            return replace(one, exit_code=self.codes[one.id])
        until = self.check.clock.now() + _EXPLANATION
        while one.exit_code is None and (left := until - self.check.clock.now()) > 0:
            one = next((told for told in self.watch.wait(left) if told.id == one.id), one)
        return one

    def _is_dead(self, one: Instance) -> bool:
        restarts = one.restarts - self.restarts_before[one.id]
        return one.status == "exited" or restarts > (0 if one.oom_killed else self.check.policy.max_restarts)

    def _look(self) -> Judgement | None:
        instances, timeout = list(self.seen.values()), self._timeout
        verdict = self._aside(lambda: self.check.look_at_all(instances, timeout))
        if verdict is None:
            return self._dead()
        self.looks += 1
        self.listen(Look(self.looks, self.elapsed, self.check.policy.budget, verdict))
        if verdict.verdict is ProbeVerdict.dead:
            return self._failed(verdict.reason, dead=True)
        return self._stable(verdict) if verdict.healthy else self._unhealthy(verdict.reason)

    @property
    def _timeout(self) -> float:
        """Seconds for a look: what is left of the budget; more while what was healthy must stay so."""
        left = self.left if self.healthy_since is None else max(self.left, self.check.policy.interval)
        return max(left, _LAST_LOOK)

    def _stable(self, verdict: Verdict) -> Judgement | None:
        now = self.check.clock.now()
        self.healthy_since = now if self.healthy_since is None else self.healthy_since
        if now - self.healthy_since < self.check.policy.stable_for:
            return None
        return self._confirm(verdict)

    def _confirm(self, verdict: Verdict) -> Judgement | None:
        """Accept only after the runtime itself was asked once more: events can be lost."""
        self._refresh()
        if self.healthy_since is None:
            return self._dead()
        return self._dead() or Judgement(None, verdict.warnings, self.looks, self.elapsed)

    def _unhealthy(self, reason: str) -> Judgement | None:
        self.healthy_since = None
        if self.left > 0 or not self.reason:  # a look that the budget has cut says nothing about the app
            self.reason = reason
        if self.left > _LAST_LOOK:
            return None
        return self._failed(f"Health check failed after {self.check.policy.budget:g}s")

    def _failed(self, summary: str, *, dead: bool = False, instance: Instance | None = None) -> Judgement:
        failure = Failure(
            summary,
            self.state,
            detail=self.reason,
            dead=dead,
            exit_code=instance.exit_code if instance else None,
            oom_killed=instance.oom_killed if instance else False,
        )
        return Judgement(failure, looks=self.looks, elapsed=self.elapsed)


def describe_death(instance: Instance, noun: str) -> str:
    """Return the runbook's line for an instance that has died."""
    code = "an unknown code" if instance.exit_code is None else f"code {instance.exit_code}"
    text = f"{noun} exited with {code}"
    if instance.started_at is not None and instance.finished_at is not None:
        text += f" after {max(instance.finished_at - instance.started_at, 0):.1f}s"
    return f"{text} (out of memory)" if instance.oom_killed else text
