"""An instance of the fake: what its script makes of it as time goes by."""

from dataclasses import dataclass, field, replace

from deploykit.protocols import Clock, Verdict
from deploykit.release import ImageRef, Instance, Release, Status
from deploykit.testing.script import NEVER, Behaviour

_FIRST_BACKOFF = 0.1


@dataclass(slots=True)
class FakeInstance:
    """One instance. `release` is what its labels say, None for what was started by hand."""

    instance: Instance
    image: ImageRef
    behaviour: Behaviour
    clock: Clock
    started: float
    release: Release | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    history: list[tuple[float, Instance]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.history.append((self.started, self.instance))

    @property
    def fingerprint(self) -> str | None:
        return self.release.fingerprint if self.release else None

    def look(self) -> Instance:
        """Return what it is now."""
        while (due := self._due()) <= self.clock.now():
            self._live_on(due)
        return self.instance

    def changed(self, after: float, until: float) -> float:
        """Return when it next changes, or changed, after that time: infinity when not before `until`."""
        self.look()
        past = next((at for at, _ in self.history if at > after), NEVER)
        due = min(past, self._due())
        return due if due <= until else NEVER

    def since(self, after: float) -> list[tuple[float, Instance]]:
        """Return what it became after that time."""
        self.look()
        return [(at, was) for at, was in self.history if at > after]

    def answer(self) -> Verdict:
        """Return what a look at it says now."""
        return self.behaviour.answer(self.clock.now() - self.started)

    def log(self) -> str:
        """Return what it has written."""
        return "".join(f"{self.behaviour.log}\n" for _, was in self.history if was.exit_code is not None)

    def die(self, exit_code: int, *, oom: bool = False) -> None:
        """Exit now."""
        self._die(self.clock.now(), exit_code, oom=oom)

    def stop(self) -> None:
        """Exit now, and for good."""
        self._become(self.clock.now(), replace(self.instance, status="exited", exit_code=0))

    def _due(self) -> float:
        if self.instance.status == "running":
            return self.started + self.behaviour.dies_after
        if self.instance.status == "restarting":
            return self.history[-1][0] + _FIRST_BACKOFF * 2.0 ** min(self.instance.restarts, 8)
        return NEVER

    def _live_on(self, at: float) -> None:
        if self.instance.status == "running":
            self._die(at, self.behaviour.exit_code, oom=self.behaviour.oom)
            return
        self.started = at
        restarts = self.instance.restarts + 1
        self._become(at, replace(self.instance, status="running", restarts=restarts, started_at=self._wall(at)))

    def _die(self, at: float, exit_code: int, *, oom: bool) -> None:
        status: Status = "restarting" if self.behaviour.restarts else "exited"
        died = replace(self.instance, exit_code=exit_code, oom_killed=oom, finished_at=self._wall(at))
        self._become(at, replace(died, status=status))

    def _become(self, at: float, instance: Instance) -> None:
        self.instance = instance
        self.history.append((at, instance))

    def _wall(self, at: float) -> float:
        return self.clock.time() - self.clock.now() + at
