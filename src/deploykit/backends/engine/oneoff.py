"""Containers of a release that serve nobody: its release command, and its rehearsal."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING

from deploykit.backends.engine import labels
from deploykit.backends.engine.client import CHANGE_TIMEOUT, Engine
from deploykit.backends.engine.containers import Container, instance_of, label
from deploykit.backends.engine.runner import TimedOut
from deploykit.backends.engine.watch import DockerWatch
from deploykit.errors import StepFailed
from deploykit.protocols import Control, Watch
from deploykit.release import Instance, Release

if TYPE_CHECKING:
    from deploykit.backends.engine.backend import EngineBackend


@dataclass(frozen=True, slots=True)
class OneOffs:
    """The one-offs of one app on one engine, found again by label; `scope` are the labels that say whose they are."""

    engine: Engine
    scope: Mapping[str, str]

    def command(self, start: Callable[[], str], timeout: float, control: Control) -> None:
        """Run a release command: `start` starts its container and returns the id. Never two at a time."""
        self._wait_for_leftovers(timeout, control)
        container = start()
        try:
            code = self._followed(container, timeout, control)
        finally:
            self._remove([container])
        if code != 0:
            raise StepFailed(f"Release command exited with code {code}", hint="What it wrote stands above.")

    def clear_rehearsals(self) -> None:
        """Remove what a killed rehearsal left."""
        self._remove([one.id for one in self._of(labels.REHEARSAL)])

    def _wait_for_leftovers(self, timeout: float, control: Control) -> None:
        left = self._of(labels.COMMAND)
        for one in left:
            if instance_of(one).alive:
                control.show(f"the release command of {label(one, labels.DEPLOYMENT)}, which was killed, still runs")
                self._followed(one.id, timeout, control)
        self._remove([one.id for one in left])

    def _followed(self, container: str, timeout: float, control: Control) -> int:
        """Show what it writes until it has exited, and return its code. Told to stop, it is stopped first."""
        shown = replace(control, progress=control.show)
        try:
            self.engine.docker_within(timeout, "logs", "--follow", container, control=shown)
            done = self.engine.docker_within(timeout, "wait", container, control=control)
        except BaseException as error:
            self.engine.docker("stop", container, timeout=CHANGE_TIMEOUT)
            if isinstance(error, TimedOut):
                raise StepFailed(
                    f"Release command did not end within {timeout:g}s, and was stopped",
                    hint="[backend] release_timeout sets the limit.",
                ) from error
            raise
        return int(self.engine.expect(done, "docker wait").text.strip() or 0)

    def _of(self, role: str) -> list[Container]:
        return self.engine.containers({**self.scope, labels.ROLE: role})

    def _remove(self, ids: Sequence[str]) -> None:
        if ids:
            self.engine.docker("rm", "--force", "--volumes", *ids, timeout=CHANGE_TIMEOUT)


@dataclass(slots=True)
class ContainerRehearsal:
    """One container of a release, beside what serves. `published` maps ports of this machine to its own."""

    backend: "EngineBackend"
    container: str
    published: Mapping[int, int]
    started_at: float

    def __enter__(self) -> "ContainerRehearsal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.backend.engine.docker("rm", "--force", "--volumes", self.container, timeout=CHANGE_TIMEOUT)

    def instances(self, release: Release) -> Sequence[Instance]:
        found = self.backend.engine.inspect([self.container])
        return [instance_of(one, self.backend.services[0], release.id) for one in found]

    def watch(self, release: Release) -> Watch:
        command = self.backend.engine.events_command(self.started_at, f"container={self.container}")
        return DockerWatch(command, lambda _: self.instances(release), lambda *_: self.backend.services[0])

    def logs(self, tail: int) -> str:
        return self.backend.logs_of(self.backend.engine.inspect([self.container]), tail)
