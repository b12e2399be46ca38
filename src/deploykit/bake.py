"""Looks on at a release that serves, until it turns unhealthy, the time is over, or something else ends it."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from deploykit.errors import EngineUnreachable, Interrupted
from deploykit.events import Sight
from deploykit.eye import Death, Eye
from deploykit.health import HealthCheck, summed_up
from deploykit.interrupt import Interruption
from deploykit.protocols import ProbeVerdict, Verdict, Watch
from deploykit.record import Failure
from deploykit.release import Release
from deploykit.states import State

FAILING_LOOKS = 3
"""Looks that fail one after the other before a release that served counts as unhealthy: one may be anybody's fault."""
_GLANCE = 1.0
"""Seconds between two questions whether another deployment has begun."""
_ENGINE_POLL = 0.5


@dataclass(frozen=True, slots=True)
class Seen:
    """How it ended, after `elapsed` seconds; `failure` when the release turned unhealthy."""

    sight: Sight
    elapsed: float
    failure: Failure | None = None


@dataclass(slots=True)
class Bake:
    """Looks on for `seconds`, which may be infinite; a failing look at their end is looked into.

    A death is told by the watch, at once. Beside that the probes look every `interval` seconds. `superseded` tells
    whether another deployment has begun, `falter` gets the reason of each failing look, and how many there were in a
    row; `away` what an engine that does not answer said.
    """

    check: HealthCheck
    release: Release
    seconds: float
    interruption: Interruption
    superseded: Callable[[], bool]
    falter: Callable[[float, int, str], None]
    away: Callable[[EngineUnreachable], None]
    _failing: int = 0
    _eye: Eye | None = None
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self._began = self.check.clock.now()

    def run(self) -> Seen:
        """Look until there is an end to it. An engine that does not answer is waited for."""
        while True:
            try:
                with self.check.backend.watch(self.release) as watch:
                    return self._look_on(self._opened(watch))
            except Interrupted:
                return self._seen(Sight.stopped)
            except EngineUnreachable as error:
                if ended := self._await_engine(error):
                    return ended

    def _opened(self, watch: Watch) -> Eye:
        """Return the one eye, on a new watch: what it knows of restarts stays."""
        if self._eye is None:
            self._eye = self.check.eye(self.release, self.check.backend, watch, self.interruption)
        # A watch tells again what was told before: the runtime must still show it.
        self._eye.watch, self._eye.since = watch, self.check.clock.time()
        self._failing = 0
        self._eye.refresh()
        return self._eye

    def _look_on(self, eye: Eye) -> Seen:
        while True:
            if ended := self._glance(eye) or self._look(eye) or self._wait(eye):
                return ended

    def _glance(self, eye: Eye) -> Seen | None:
        self.interruption.check()
        if self.superseded():
            return self._seen(Sight.superseded)
        return self._dead(eye)

    def _look(self, eye: Eye) -> Seen | None:
        instances, timeout = list(eye.seen.values()), self.check.policy.budget
        answers = self.check.ask_aside(eye, instances, timeout)
        if answers is None:
            return self._dead(eye)
        verdict = summed_up(answers)
        if verdict.verdict is ProbeVerdict.dead:
            return self._unhealthy(verdict.reason, dead=True)
        return self._healthy(eye) if verdict.healthy else self._failed(verdict)

    def _healthy(self, eye: Eye) -> Seen | None:
        self._failing = 0
        return (self._glance(eye) or self._seen(Sight.healthy)) if self._left <= 0 else None

    def _failed(self, verdict: Verdict) -> Seen | None:
        self._failing += 1
        self.falter(self._elapsed, self._failing, verdict.reason)
        return self._unhealthy(verdict.reason) if self._failing >= FAILING_LOOKS else None

    def _wait(self, eye: Eye) -> Seen | None:
        """Wait for the next look, with an eye open: the last one comes when the time is over."""
        interval = self.check.policy.interval
        until = self.check.clock.now() + (interval if self._failing else min(interval, max(self._left, 0)))
        while (left := until - self.check.clock.now()) > 0:
            eye.sleep(min(left, _GLANCE))
            eye.refresh(after=interval)
            if ended := self._glance(eye):
                return ended
        return None

    def _dead(self, eye: Eye) -> Seen | None:
        death = eye.dead()
        if death is None:
            return None
        # An engine that ends takes its containers along: then it does not answer, and is waited for.
        self.check.backend.identity()
        if self.superseded() or self._replaced(death):
            return self._seen(Sight.superseded)
        return self._unhealthy(death.summary, dead=True, death=death)

    def _replaced(self, death: Death) -> bool:
        """Whether somebody put something else in its place by hand."""
        return death.instance is None and bool(self.check.backend.others(self.release))

    def _await_engine(self, error: EngineUnreachable) -> Seen | None:
        """Wait until it answers: then None; or until there is an end to it all the same."""
        self.away(error)
        while self._left > 0:
            if self.interruption.requested:
                return self._seen(Sight.stopped)
            if self.superseded():
                return self._seen(Sight.superseded)
            self.check.clock.sleep(min(_ENGINE_POLL, self._left))
            with suppress(Exception):  # whatever it says instead of who it is, it is not back yet
                self.check.backend.identity()
                return None
        return self._seen(Sight.unseen)

    @property
    def _elapsed(self) -> float:
        return self.check.clock.now() - self._began

    @property
    def _left(self) -> float:
        return self.seconds - self._elapsed

    def _unhealthy(self, reason: str, *, dead: bool = False, death: Death | None = None) -> Seen:
        failure = Failure(
            reason,
            State.healthy,
            dead=dead,
            exit_code=death.exit_code if death else None,
            oom_killed=death.oom_killed if death else False,
        )
        return Seen(Sight.unhealthy, self._elapsed, failure)

    def _seen(self, sight: Sight) -> Seen:
        return Seen(sight, self._elapsed)
