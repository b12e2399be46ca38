"""What the tests of the process backend share: a stage with folders of releases on it, cleared at the end."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deploykit.backends.process import ProcessBackend
from deploykit.backends.process.ending import end
from deploykit.backends.process.records import Entry, Records
from deploykit.protocols import Backend, Control, PullPolicy
from deploykit.release import ImageRef, Instance, Release
from deploykit.store import ReleaseFolders

WAIT = 20.0
"""More seconds than anything here takes on a busy machine; no test waits for them to pass."""
SERVE = "echo ready\nexec sleep 300\n"


@dataclass
class Stage:
    """A folder with a configuration's backend and releases in it."""

    base: Path
    name: str = "app"
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 100)))

    @property
    def state(self) -> Path:
        return self.base / ".deploykit"

    @property
    def files(self) -> ReleaseFolders:
        return ReleaseFolders.of(self.state)

    @property
    def records(self) -> Records:
        return Records(self.state / "process", self.name)

    def backend(
        self,
        command: Sequence[str] = ("sh", "run.sh"),
        environment: Mapping[str, str] | None = None,
        directory: str = "releases/{tag}",
        stop_grace: float = 10.0,
    ) -> ProcessBackend:
        return ProcessBackend(
            name=self.name,
            base=self.base,
            state=self.state,
            command=command,
            environment=environment,
            directory=directory,
            stop_grace=stop_grace,
        )

    def folder(self, tag: str, script: str = SERVE) -> Path:
        """Write the folder of a release."""
        folder = self.base / "releases" / tag
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "run.sh").write_text(script)
        return folder

    def release(self, backend: Backend, tag: str, script: str = SERVE) -> Release:
        """Pull a folder and keep what it needs, as a deployment does before it starts it."""
        self.folder(tag, script)
        image = backend.pull(ImageRef("example/app", tag), PullPolicy.always, Control())
        snapshot = backend.snapshot(image)
        release = Release(f"r{next(self.numbers)}", image, snapshot.parts)
        self.files.keep(release.id, snapshot)
        return release

    def started(self, backend: Backend, tag: str, script: str = SERVE) -> Release:
        """Pull and start a folder."""
        release = self.release(backend, tag, script)
        backend.start(release, Control())
        return release

    def entry(self, release: Release) -> Entry:
        """Return the newest instance of a release, as it is on record."""
        return self.records.of(release)[0]

    def clear(self) -> None:
        """End all that was started, and see that nothing is left."""
        end([entry for entry in self.records.all() if entry.present])
        assert not [entry for entry in self.records.all() if entry.present]


@contextmanager
def staged(base: Path) -> Iterator[Stage]:
    """Lend a stage, and end whatever was started on it."""
    stage = Stage(base)
    try:
        yield stage
    finally:
        stage.clear()


def exit_of(backend: Backend, release: Release) -> Instance:
    """Wait until an instance of the release tells that it has exited."""
    deadline = time.monotonic() + WAIT
    with backend.watch(release) as watch:
        while time.monotonic() < deadline:
            for instance in watch.wait(WAIT):
                if not instance.alive:
                    return instance
    pytest.fail("nothing exited")


def eventually(backend: Backend, release: Release, condition: Callable[[], bool]) -> None:
    """Wait until the condition holds, with an eye on the release for pauses."""
    deadline = time.monotonic() + WAIT
    with backend.watch(release) as watch:
        while not condition():
            assert time.monotonic() < deadline, backend.logs(release, 20)
            watch.wait(0.02)


def ready(backend: Backend, release: Release) -> None:
    """Wait until the release has said so."""
    eventually(backend, release, lambda: "ready" in backend.logs(release, 10))
