"""The health wait: looks at a release until it is healthy, dead, or out of time. Only here is tenacity imported."""

from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from dataclasses import dataclass, replace

from tenacity import RetryCallState, Retrying, retry_if_result, stop_never

from deploykit.errors import ConfigError, DeploykitError, StepFailed
from deploykit.eye import Death, Eye, describe_death
from deploykit.interrupt import Interruption
from deploykit.protocols import Backend, Clock, Probe, ProbeVerdict, Verdict, Watch, Watched
from deploykit.record import Failure
from deploykit.redact import redacted
from deploykit.release import Instance, Release, Running
from deploykit.states import State
from deploykit.tally import Answer, Tally
from deploykit.text import one_line

SHORTEST_GAP = 0.05
"""Seconds between two looks, at least."""
GROWTH = 0.05
"""Gap between looks as a part of the time gone: an app is told healthy within 5 % of its start-up time."""
REHEARSAL = 3.0
"""Seconds that a rehearsal must live, at least: many a release dies a moment after its start."""
_LAST_LOOK = 0.05
_LEEWAY = 5.0
"""Seconds that probes may take longer than they were given, before they are no longer waited for."""
_WARNINGS = 10
"""Warnings of a look that are told one by one."""
_INSTANCES = 6
"""Instances that are kept with a failure, the dead ones first."""


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """How long a release may take to turn healthy. `interval`, `stable_for` and `bake` are in seconds.

    The defaults are those of the script that deploykit replaces: 30 attempts, 2 s apart.

    Raises:
        ConfigError: no attempts, or no time between them; or another one is less than 0.
    """

    attempts: int = 30
    interval: float = 2.0
    stable_for: float = 0.0
    max_restarts: int = 0
    bake: float = 0.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.interval <= 0 or min(self.stable_for, self.max_restarts, self.bake) < 0:
            hint = "attempts: 1 or more; interval: more than 0 s; the others: 0 or more."
            raise ConfigError(f"no release can be judged by {self}", hint=hint)

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
    """Judges releases of one backend by probes and a policy. `noun` is what an instance is called.

    What a probe raises is its way to say that all is not well, for most break on what an app answers while it starts;
    `strict`: it is raised, before anything is touched.
    """

    backend: Backend
    probes: Sequence[Probe]
    policy: HealthPolicy
    clock: Clock
    noun: str = "Container"
    strict: bool = False

    def look(self, instances: Sequence[Instance], timeout: float) -> Verdict:
        """Look once with every probe, within `timeout` seconds: healthy when all parts are. Tells no secret."""
        return summed_up(self._ask(instances, timeout))

    def _ask(self, instances: Sequence[Instance], timeout: float) -> list[Answer]:
        """Ask one probe after the other, until one is not healthy."""
        deadline = self.clock.now() + timeout
        answers: list[Answer] = []
        for probe in self.probes:
            chosen = [one for one in instances if one.alive and probe.service in (None, one.service)]
            verdict = self._redacted(self._verdict(probe, chosen, max(deadline - self.clock.now(), 0.001)))
            answers.append(Answer(probe.name, verdict))
            if not verdict.healthy:
                break
        return answers

    def _verdict(self, probe: Probe, instances: Sequence[Instance], timeout: float) -> Verdict:
        try:
            said: object = probe.look(instances, timeout)
            if isinstance(said, Verdict):
                return said
            raise TypeError(f"it gave {said!r:.80}, not a Verdict")  # noqa: TRY301 - told as all that is wrong with it
        except DeploykitError:
            raise
        except (Exception, SystemExit) as error:
            if self.strict:
                msg = f"the probe {probe.name} is broken: {type(error).__name__}: {error}"
                raise StepFailed(msg, hint="What an app does or says must not be an exception.") from error
            return Verdict(ProbeVerdict.unhealthy, one_line(f"the probe broke: {type(error).__name__}: {error}"))

    def _redacted(self, verdict: Verdict) -> Verdict:
        """Blank out what an app may give away of its environment when it tells why it is not well."""
        reason, *warnings = map(self._redact, (verdict.reason, *verdict.warnings))
        return replace(verdict, reason=reason, warnings=tuple(warnings))

    def _redact(self, text: str) -> str:
        return redacted(text, self.backend.redact)

    def look_now(self, timeout: float) -> Verdict:
        """Look once at what runs, dead instances included."""
        running = self.backend.running()
        return self.look_at_running(running, timeout) if running else Verdict(ProbeVerdict.dead, "nothing runs")

    def look_at_running(self, running: Running, timeout: float) -> Verdict:
        """Look once at what was found running, dead instances included."""
        dead = [one for one in running.instances if one.status == "exited"]
        if dead:
            return Verdict(ProbeVerdict.dead, describe_death(dead[0], self.noun))
        pending = self.clock.aside(lambda: self.look_at_all(running.instances, timeout))
        until = self.clock.now() + timeout + _LEEWAY
        while not pending.done() and self.clock.now() < until:
            futures.wait([pending], _LAST_LOOK)
        return pending.result() if pending.done() else self._overdue(timeout)

    def look_at_all(self, instances: Sequence[Instance], timeout: float) -> Verdict:
        """Look once, at instances that must all run."""
        return summed_up(self.ask_all(instances, timeout))

    def ask_all(self, instances: Sequence[Instance], timeout: float) -> list[Answer]:
        """Return what each probe says of instances that must all run; without one, what the runtime says of them."""
        idle = [one for one in instances if one.status != "running"]
        if idle:
            return [Answer("", self._redacted(Verdict(ProbeVerdict.unhealthy, _idle(idle[0]))))]
        answers = self._ask(instances, timeout)
        troubled = tuple(self._redact(f"{one.name or one.id}: {one.error}") for one in instances if one.error)
        return _with_warnings(answers, troubled) if troubled else answers

    def ask_aside(self, eye: Eye, instances: Sequence[Instance], timeout: float) -> list[Answer] | None:
        """Ask as `ask_all`, with an eye open: None when an instance has died. A probe that hangs is given up."""
        try:
            return eye.aside(lambda: self.ask_all(instances, timeout), timeout + _LEEWAY)
        except TimeoutError:
            return [Answer("", self._overdue(timeout))]

    def _overdue(self, timeout: float) -> Verdict:
        told = f"no answer within {timeout:.3g}s"
        if self.strict:
            raise StepFailed(f"a probe is broken: {told}", hint="It must end its look in the time that it is given.")
        return Verdict(ProbeVerdict.unhealthy, told)

    def wait(
        self,
        release: Release,
        interruption: Interruption,
        listen: Callable[[Look], None],
        state: State,
        watched: Watched | None = None,
    ) -> Judgement:
        """Look until the release is healthy and stays so, or has failed in `state`; at `watched`, or the backend's own.

        Raises:
            Interrupted: told to stop.
            EngineUnreachable: the runtime does not answer any more.
        """
        watched = watched or self.backend
        with watched.watch(release) as watch:
            grace = self.policy.budget
            eye = self.eye(release, watched, watch, interruption, grace=grace)
            wait = _Wait(self, eye, interruption, listen, state)
            retrying = Retrying(
                stop=stop_never,  # the wait knows its own end, by the clock that it was given
                wait=wait.gap,
                sleep=wait.sleep,
                retry=retry_if_result(lambda judgement: judgement is None),
            )
            judgement = retrying(wait.attempt)
            assert judgement is not None  # noqa: S101 - None is what it retries on
            return judgement

    def eye(
        self, release: Release, watched: Watched, watch: Watch, interruption: Interruption, *, grace: float = 0.0
    ) -> Eye:
        """Open an eye on the instances of a release. `grace` is in seconds."""
        return Eye(release, watched, watch, self.clock, interruption, self.noun, self.policy.max_restarts, grace=grace)


def _idle(one: Instance) -> str:
    told = f": {one.error}" if one.error else ""
    return f"{one.name or one.id} is {one.status}{told}"


class _Wait:
    def __init__(
        self,
        check: HealthCheck,
        eye: Eye,
        interruption: Interruption,
        listen: Callable[[Look], None],
        state: State,
    ) -> None:
        self._check = check
        self._eye = eye
        self._interruption = interruption
        self._listen = listen
        self._state = state
        self._looks = 0
        self._tally = Tally()
        self._healthy_since: float | None = None
        self._reason = ""
        self._began = check.clock.now()
        eye.restarted = self._restarted
        eye.refresh()

    @property
    def _elapsed(self) -> float:
        return self._check.clock.now() - self._began

    @property
    def _left(self) -> float:
        return self._check.policy.budget - self._elapsed

    def attempt(self) -> Judgement | None:
        """Judge once; None when it is to be judged again."""
        self._interruption.check()
        # What the watch tells comes first: it knows exit codes that the runtime forgets with the next start.
        self._eye.hear(0)
        if (dead := self._dead()) is not None:
            return dead
        self._eye.refresh(after=self._check.policy.interval)
        return self._dead() or self._look()

    def gap(self, _: RetryCallState) -> float:
        """Seconds until the next look."""
        gap = min(max(SHORTEST_GAP, GROWTH * self._elapsed), self._check.policy.interval)
        if self._healthy_since is not None:
            ends = self._healthy_since + self._check.policy.stable_for
            return min(gap, max(ends - self._check.clock.now(), 0))
        # The last look comes shortly before the budget is used up, not at the end of a long gap after it.
        return min(gap, 0.9 * max(self._left, 0))

    def sleep(self, seconds: float) -> None:
        """Wait with an eye open: for at most that long, until something changes."""
        self._eye.sleep(seconds)

    def _restarted(self) -> None:
        self._healthy_since = None

    def _dead(self) -> Judgement | None:
        death = self._eye.dead()
        return self._failed(death.summary, dead=True, death=death) if death else None

    def _look(self) -> Judgement | None:
        instances, timeout = list(self._eye.seen.values()), self._timeout
        answers = self._check.ask_aside(self._eye, instances, timeout)
        if answers is None:
            return self._dead()
        verdict = summed_up(answers)
        self._looks += 1
        self._tally.add(answers, cut=self._left <= 0)
        self._listen(Look(self._looks, self._elapsed, self._check.policy.budget, verdict))
        if verdict.verdict is ProbeVerdict.dead:
            return self._failed(verdict.reason, dead=True)
        return self._stable(verdict) if verdict.healthy else self._unhealthy(verdict.reason)

    @property
    def _timeout(self) -> float:
        """Seconds for a look: what is left of the budget; more while what was healthy must stay so.

        And more for the first: a slow engine may have used up the budget before it was asked for anything.
        """
        whole = self._looks == 0 or self._healthy_since is not None
        return max(self._left, self._check.policy.interval if whole else 0, _LAST_LOOK)

    def _stable(self, verdict: Verdict) -> Judgement | None:
        now = self._check.clock.now()
        self._healthy_since = now if self._healthy_since is None else self._healthy_since
        if now - self._healthy_since < self._check.policy.stable_for:
            return None
        return self._confirm(verdict)

    def _confirm(self, verdict: Verdict) -> Judgement | None:
        """Accept only after the runtime itself was asked once more: events can be lost."""
        self._eye.refresh()
        if self._healthy_since is None:
            return self._dead()
        return self._dead() or Judgement(None, verdict.warnings, self._looks, self._elapsed)

    def _unhealthy(self, reason: str) -> Judgement | None:
        self._healthy_since = None
        if self._left > 0 or not self._reason:  # a look that the budget has cut says nothing about the app
            self._reason = reason
        if self._left > _LAST_LOOK:
            return None
        return self._failed(f"Health check failed after {self._check.policy.budget:g}s")

    def _failed(self, summary: str, *, dead: bool = False, death: Death | None = None) -> Judgement:
        failure = Failure(
            summary,
            self._state,
            detail=self._reason,
            dead=dead,
            exit_code=death.exit_code if death else None,
            oom_killed=death.oom_killed if death else False,
            looks=self._tally.looks,
            instances=_dead_first(self._eye.seen, death.instance if death else None),
        )
        return Judgement(failure, looks=self._looks, elapsed=self._elapsed)


def _with_warnings(answers: Sequence[Answer], warnings: tuple[str, ...]) -> list[Answer]:
    """Return the answers, the last of which has these warnings too."""
    last = answers[-1] if answers else Answer("", Verdict(ProbeVerdict.healthy))
    verdict = replace(last.verdict, warnings=(*last.verdict.warnings, *warnings))
    return [*answers[:-1], Answer(last.probe, verdict)]


def summed_up(answers: Sequence[Answer]) -> Verdict:
    """Return the verdict that is not healthy, if there is one; else all the warnings there are."""
    if answers and not answers[-1].verdict.healthy:
        return answers[-1].verdict
    warnings = dict.fromkeys(warning for answer in answers for warning in answer.verdict.warnings)
    return Verdict(ProbeVerdict.healthy, warnings=_few(list(warnings)))


def _few(warnings: Sequence[str]) -> tuple[str, ...]:
    """Return the first warnings, and how many more there are: a thousand instances may all tell the same."""
    beyond = len(warnings) - _WARNINGS
    return tuple(warnings) if beyond <= 0 else (*warnings[:_WARNINGS], f"{beyond} more like these")


def _dead_first(seen: Mapping[str, Instance], died: Instance | None) -> tuple[Instance, ...]:
    """Return the instances as they were seen last; of the one that died more is known than was seen."""
    known = {**seen, **({died.id: died} if died else {})}.values()
    return tuple(sorted(known, key=lambda one: (one is not died, one.status == "running"))[:_INSTANCES])


def rehearsing(health: HealthCheck, probes: Sequence[Probe]) -> HealthCheck:
    """Return how a rehearsal is judged: by the probes that can ask it, and it must live for 3 s at least."""
    stable_for = max(health.policy.stable_for, REHEARSAL)
    return replace(health, probes=probes, policy=replace(health.policy, stable_for=stable_for))
