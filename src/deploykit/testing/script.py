"""What a fake release does once it is started."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from deploykit.protocols import ProbeVerdict, Verdict
from deploykit.release import ImageRef

NEVER = math.inf


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How an instance fares: all times are seconds since it was started."""

    ready_after: float = 0.0
    dies_after: float = NEVER
    exit_code: int = 0
    oom: bool = False
    unhealthy_after: float = NEVER
    flaps_every: float = NEVER
    restarts: bool = False
    log: str = ""
    warnings: tuple[str, ...] = ()

    def answer(self, age: float) -> Verdict:
        """Return what a look says at that age."""
        if age < self.ready_after:
            return Verdict(ProbeVerdict.unhealthy, "not ready yet")
        if age >= self.unhealthy_after or (age // self.flaps_every) % 2 == 1:
            return Verdict(ProbeVerdict.unhealthy, "answers 500")
        return Verdict(ProbeVerdict.healthy, warnings=self.warnings)


class FakeRelease:
    """The script of one image: good unless told otherwise, for instances started from then on. Every line chains."""

    def __init__(self, image: ImageRef) -> None:
        self.image = image
        self.behaviour: Behaviour = Behaviour()
        self.failing_pulls: float = 0
        self.image_labels: dict[str, str] = {}
        self.start_error: Callable[[], BaseException] | None = None
        self.command_error: Callable[[], BaseException] | None = None
        self.command_output: tuple[str, ...] = ()

    def good(self) -> "FakeRelease":
        """Forget every other line."""
        self.__init__(self.image)  # type: ignore[misc]  # nothing else is known of it
        return self

    def crashes(self, after: float = 0.1, exit_code: int = 1, log: str = "") -> "FakeRelease":
        """Exit by itself, having written that log, before it was ever ready; `ready_after` makes it ready first."""
        return self._does(ready_after=NEVER, dies_after=after, exit_code=exit_code, log=log)

    def oom(self, after: float = 0.1) -> "FakeRelease":
        """Use more memory than there is, and be killed for it."""
        return self._does(ready_after=NEVER, dies_after=after, exit_code=137, oom=True)

    def ready_after(self, seconds: float) -> "FakeRelease":
        """Take that long to start up."""
        return self._does(ready_after=seconds)

    def never_ready(self) -> "FakeRelease":
        """Live, and never pass a probe."""
        return self._does(ready_after=NEVER)

    def turns_unhealthy(self, after: float) -> "FakeRelease":
        """Pass the probes at first."""
        return self._does(unhealthy_after=after)

    def flaps(self, every: float = 1.0) -> "FakeRelease":
        """Be healthy and unhealthy by turns."""
        if every <= 0:
            raise ValueError(f"every must be more than 0 seconds, not {every}")
        return self._does(flaps_every=every)

    def warns(self, *warnings: str) -> "FakeRelease":
        """Be healthy, with warnings."""
        return self._does(warnings=warnings)

    def restarts(self) -> "FakeRelease":
        """Be started again by the runtime whenever it exits."""
        return self._does(restarts=True)

    def pull_fails(self, times: float = NEVER) -> "FakeRelease":
        """Not come from the registry, that many times."""
        self.failing_pulls = times
        return self

    def labelled(self, **labels: str) -> "FakeRelease":
        """Have these labels on the image, `__` standing for a dot."""
        self.image_labels |= {name.replace("__", "."): value for name, value in labels.items()}
        return self

    def start_raises(self, error: Callable[[], BaseException]) -> "FakeRelease":
        """Make the runtime refuse to start it, whenever it is asked."""
        self.start_error = error
        return self

    def command_writes(self, *lines: str) -> "FakeRelease":
        """Make its release command write these lines."""
        self.command_output = lines
        return self

    def command_raises(self, error: Callable[[], BaseException]) -> "FakeRelease":
        """Make its release command fail."""
        self.command_error = error
        return self

    def _does(self, **changes: object) -> "FakeRelease":
        if wrong := [
            f"{name}={value}" for name, value in changes.items() if isinstance(value, float | int) and value < 0
        ]:
            raise ValueError(f"not a time, nor an exit code: {', '.join(wrong)}")
        self.behaviour = replace(self.behaviour, **changes)  # type: ignore[arg-type]  # names are those of Behaviour
        return self
