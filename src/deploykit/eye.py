"""An eye on the instances of a release: it sees them die, and remembers what the runtime forgets."""

import math
from collections.abc import Callable, Sequence
from concurrent import futures
from dataclasses import dataclass, field, replace
from typing import TypeVar

from deploykit.interrupt import Interruption
from deploykit.protocols import Clock, Watch, Watched
from deploykit.release import Instance, Release

T = TypeVar("T")

_SLICE = 0.2
_BLINK = 0.02
_EXPLANATION = 1.0


@dataclass(frozen=True, slots=True)
class Death:
    """Why a release is dead, in one line, and the instance that died: None when there is none left."""

    summary: str
    instance: Instance | None = None

    @property
    def exit_code(self) -> int | None:
        return self.instance.exit_code if self.instance else None

    @property
    def oom_killed(self) -> bool:
        return bool(self.instance and self.instance.oom_killed)


@dataclass(slots=True)
class Eye:
    """Sees who has died: exited, or restarted more often than `max_restarts`. Death comes by the watch.

    Instances that are older than `grace` seconds when it is opened bring their restarts along: those are not held
    against them. `since` (seconds since the epoch): a death before it is believed only when the runtime shows it still.
    `restarted` is called when an instance has been started again.
    """

    release: Release
    watched: Watched
    watch: Watch
    clock: Clock
    interruption: Interruption
    noun: str
    max_restarts: int = 0
    grace: float = 0.0
    since: float = -math.inf
    restarted: Callable[[], None] = lambda: None
    seen: dict[str, Instance] = field(default_factory=dict)
    _restarts: dict[str, int] = field(default_factory=dict)
    _restarts_before: dict[str, int] = field(default_factory=dict)
    _codes: dict[str, int] = field(default_factory=dict)
    _began: float = field(init=False)
    _refreshed: float = -math.inf

    def __post_init__(self) -> None:
        self._began = self.clock.now()

    def refresh(self, after: float = 0.0) -> None:
        """Ask the runtime what there is, when the last answer is `after` seconds old: events can be lost."""
        if self.clock.now() - self._refreshed < after:
            return
        self._refreshed = self.clock.now()
        instances = self.aside(lambda: self.watched.instances(self.release))
        if instances is not None:
            self.seen = {}
            self._note(instances)

    def hear(self, seconds: float) -> bool:
        """Let the watch tell, for at most that long; whether it did."""
        told = [self._doubted(one) for one in self.watch.wait(seconds)]
        self._note(told)
        return bool(told)

    def sleep(self, seconds: float) -> bool:
        """Wait for at most that long, until something changes; whether it did. Raises Interrupted."""
        until = self.clock.now() + seconds
        while (left := until - self.clock.now()) > 0:
            self.interruption.check()
            if self.hear(min(left, _SLICE)):
                return True
        return False

    def aside(self, work: Callable[[], T], limit: float = math.inf) -> T | None:
        """Do what may take its time, or hang on an instance that died, with an eye open: None when one has died.

        Raises:
            TimeoutError: it has not ended `limit` seconds later; it is left to itself.
        """
        pending = self.clock.aside(work)
        until = self.clock.now() + limit
        while not pending.done():
            if self.clock.now() >= until:
                raise TimeoutError
            self.interruption.check()
            futures.wait([pending], _BLINK)
            self.hear(0)
            if any(self._is_dead(one) for one in self.seen.values()):
                return None
        return pending.result()

    def dead(self) -> Death | None:
        """Tell who has died, of those that were seen."""
        if not self.seen:
            return Death(f"no {self.noun.lower()} of release {self.release.id} is left")
        for one in self.seen.values():
            if self._is_dead(one):
                died = self._explained(one)
                return Death(describe_death(died, self.noun), died)
        return None

    def _doubted(self, one: Instance) -> Instance:
        """Let the runtime say whether one that the watch saw die is started again, where that is allowed."""
        old = one.finished_at is not None and one.finished_at < self.since
        if one.status != "exited" or not (old or (self.max_restarts and not one.oom_killed)):
            return one
        self._refreshed = -math.inf
        return replace(one, status="restarting")

    def _note(self, instances: Sequence[Instance]) -> None:
        for one in instances:
            self._restarts_before.setdefault(one.id, self._old_restarts(one))
            if one.restarts > self._restarts.get(one.id, self._restarts_before[one.id]):
                self.restarted()
            self._restarts[one.id] = one.restarts
            self.seen[one.id] = one
            if one.exit_code is not None:
                self._codes[one.id] = one.exit_code

    def _old_restarts(self, one: Instance) -> int:
        """Restarts from before it was opened: an instance that was never replaced brings its past along."""
        age = self.clock.time() - (one.created_at or 0)
        return one.restarts if age > self.clock.now() - self._began + self.grace else 0

    def _explained(self, one: Instance) -> Instance:
        """Return a dead instance with its exit code: the watch tells what the runtime forgets with the next start."""
        if one.exit_code is None and one.id in self._codes:
            return replace(one, exit_code=self._codes[one.id])
        until = self.clock.now() + _EXPLANATION
        while one.exit_code is None and (left := until - self.clock.now()) > 0:
            one = next((told for told in self.watch.wait(left) if told.id == one.id), one)
        return one

    def _is_dead(self, one: Instance) -> bool:
        restarts = one.restarts - self._restarts_before[one.id]
        return one.status == "exited" or restarts > (0 if one.oom_killed else self.max_restarts)


def describe_death(instance: Instance, noun: str) -> str:
    """Return the runbook's line for an instance that has died."""
    if instance.exit_code is None and instance.error:
        return f"{noun} {instance.name} failed{_where(instance)}: {instance.error}"
    code = "an unknown code" if instance.exit_code is None else f"code {instance.exit_code}"
    text = f"{noun} exited with {code}"
    if instance.started_at is not None and instance.finished_at is not None:
        text += f" after {max(instance.finished_at - instance.started_at, 0):.1f}s"
    text += _where(instance) + (f": {instance.error}" if instance.error else "")
    return f"{text} (out of memory)" if instance.oom_killed else text


def _where(instance: Instance) -> str:
    return f" on node {instance.node}" if instance.node else ""
