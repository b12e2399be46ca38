"""The way from one release to another: the engine replaces a batch of tasks, and is told when to go on.

It replaces as many tasks at once as it is configured to, in its order, and then waits: it is told to go on when the
probes have found the new tasks healthy. By itself it would go on as soon as they run.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deploykit.backends.swarm.cluster import Cluster, no_progress
from deploykit.backends.swarm.service import Service, step_args
from deploykit.backends.swarm.tasks import Nodes, Slot, Task, belongs, wanted
from deploykit.errors import StepFailed
from deploykit.protocols import Control
from deploykit.release import Instance, Release

PATIENCE = 30.0
"""Seconds for the swarm to make the tasks of the next batch: it takes a moment, or has stopped for good."""
ENDING = 60.0
"""Seconds for which the swarm itself waits for an old task to end before it starts the one in its place."""
RETIREMENT = 120.0
"""Seconds for old tasks to end: longer than most grace periods. What takes longer goes on by itself."""
PLACING = 2.0
"""Seconds until it is believed that there is no node for a task: the old one may have left its place just now."""
_GAP = 0.1


@dataclass(frozen=True, slots=True)
class Sight:
    """One look at a service of the app: what is said of it, its places, and the machines of the swarm."""

    service: Service
    places: Sequence[Slot]
    nodes: Nodes

    @property
    def wanted(self) -> int:
        return wanted(self.service.replicas, self.places)

    @property
    def living(self) -> list[Task]:
        return [task for place in self.places for task in place.tasks if task.alive]

    def taken_by(self, release: Release) -> list[Slot]:
        """Return the places that the release has taken."""
        return [one for one in self.places if belongs(one.current, release)]

    def is_whole(self, release: Release) -> bool:
        """Whether the release has taken all places that there are to be."""
        return len(self.taken_by(release)) >= self.wanted


@dataclass(frozen=True, slots=True)
class Walk:
    """Leads services from one release to another.

    `look` sees the services that there are, `number` says how many a release has; `instances` are those of a release in
    such a look, and `others` the living ones of all others. `specify` has services become those of a release, but for
    now their first batch.
    """

    cluster: Cluster
    number: Callable[[Release], int]
    delay: float | None
    pull_timeout: float
    look: Callable[[], Sequence[Sight]]
    instances: Callable[[Release, Sequence[Sight]], Sequence[Instance]]
    others: Callable[[Release], Sequence[Instance]]
    specify: Callable[[Release, Sequence[Sight], Control], None]

    def step(self, release: Release, control: Control) -> bool:
        """Have one more batch replaced, unless what was replaced is to be judged first; whether it was the last."""
        seen = self.look()
        if len(seen) != self.number(release) or not all(one.service.specifies(release) for one in seen):
            self.specify(release, seen, control)
        elif not self._is_whole(seen, release):
            if any(one.status != "running" for one in self.instances(release, seen)) or not self._may_go_on(
                seen, control
            ):
                return False
            self._go_on(seen, release, control)
        return self._is_whole(self._started(seen, release, control), release)

    def finish(self, release: Release, control: Control) -> None:
        """Have it all replaced, and wait until the tasks of other releases have ended."""
        deadline = time.monotonic() + RETIREMENT
        while not self.step(release, control) or self.others(release):
            if time.monotonic() > deadline:
                raise StepFailed(f"tasks of other releases did not end within {RETIREMENT:g}s")
            time.sleep(_GAP)

    def _is_whole(self, seen: Sequence[Sight], release: Release) -> bool:
        return len(seen) == self.number(release) and all(one.is_whole(release) for one in seen)

    def _may_go_on(self, seen: Sequence[Sight], control: Control) -> bool:
        """Let the delay between two batches pass; whether nobody has said stop meanwhile."""
        usual = max(one.service.usual.seconds for one in seen)
        until = time.monotonic() + (usual if self.delay is None else self.delay)
        while time.monotonic() < until and not control.interruption.requested:
            time.sleep(_GAP)
        return not control.interruption.requested

    def _go_on(self, seen: Sequence[Sight], release: Release, control: Control) -> None:
        step = "-".join(str(len(one.taken_by(release))) for one in seen)
        for one in seen:
            if not one.is_whole(release):
                self.cluster.change(control, *step_args(one.service, f"{release.id}-{step}"))

    def _started(self, before: Sequence[Sight], release: Release, control: Control) -> Sequence[Sight]:
        """Wait until there are more tasks of the release, and all have been started, or cannot be."""
        number = len(_taken(before, release))
        began = still = time.monotonic()
        while True:
            asked = time.monotonic()
            seen, now = self.look(), time.monotonic()
            taken = _taken(seen, release)
            made = len(taken) > number or self._is_whole(seen, release)
            if not made and now > began + PATIENCE:
                raise no_progress([one.service for one in seen if not one.is_whole(release)], PATIENCE)
            moving = not made or any(one.is_on_its_way for one in taken)
            still = now if moving else still
            patience = PLACING if any(one.current.has_no_node for one in taken) else 0.0
            if not moving and now - still >= patience:
                return seen
            patience = self._patience(taken)
            if control.interruption.requested or (made and now > began + patience):
                return seen
            time.sleep(max(_GAP, now - asked))  # a swarm that takes long to tell has other things to do

    def _patience(self, taken: Sequence[Slot]) -> float:
        """Return how many seconds tasks may take to be started, beside what their probes are given."""
        if any(one.current.state == "preparing" for one in taken):
            return self.pull_timeout
        return PATIENCE + (ENDING if any(one.is_on_its_way and one.current.waits for one in taken) else 0.0)


def _taken(seen: Sequence[Sight], release: Release) -> list[Slot]:
    return [place for one in seen for place in one.taken_by(release)]
