"""A runtime that is all in memory, on a manual clock. It outlives the deployments that die on it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

from deploykit.errors import ConfigError, EngineUnreachable, StepFailed
from deploykit.protocols import (
    Control,
    Execution,
    Identity,
    ProbeVerdict,
    PullPolicy,
    ReleaseFiles,
    Verdict,
)
from deploykit.redact import BLANK
from deploykit.release import ImageRef, Instance, Release, Running, Snapshot
from deploykit.testing.clock import ManualClock
from deploykit.testing.images import FakeImages
from deploykit.testing.instance import FakeInstance
from deploykit.testing.moments import Killed, Moments
from deploykit.testing.script import NEVER, FakeRelease
from deploykit.testing.watch import FakeWatch

_SLICE = 0.2


class FakeBackend:
    """The fake runtime: script its releases by tag, and step in before, during and after each of its calls.

    `files` is where the files of releases are kept: an instance runs with those of its own release.
    """

    def __init__(
        self,
        clock: ManualClock,
        files: ReleaseFiles,
        *,
        repository: str = "example.com/team/web",
        services: Sequence[str] = ("web",),
        strategy: Literal["recreate", "rolling"] = "recreate",
        moments: Moments | None = None,
    ) -> None:
        self.clock = clock
        self.files: ReleaseFiles = files
        self.services: tuple[str, ...] = tuple(services)
        self.strategy = strategy
        self.moments: Moments = moments or Moments()
        self.store: FakeImages = FakeImages(repository)
        self.present: list[FakeInstance] = []
        self.today: dict[str, bytes] = {"app.conf": b"as it is today\n"}
        self.project = "fake"
        self.pull_seconds: float = 0.0
        self.replicas = 1
        self.parallelism = 0
        self.drain: float = 0.0
        self.release_command = False
        self.published: dict[int, int] = {}
        self.refuses: str | None = None
        self.secrets: tuple[str, ...] = ()
        self.commanded: list[str] = []
        self.rehearsed: list[str] = []
        self.rehearsing: list[FakeInstance] = []
        self.settled: list[str] = []
        self._away_until = 0.0
        self._number = 0

    # The script.

    def release(self, tag: str) -> FakeRelease:
        """Return the script of what the registry's tag names now; a new tag is a good release."""
        return self.store.script(tag)

    def push(self, tag: str) -> FakeRelease:
        """Move a tag in the registry to new content, and return its script."""
        return self.store.push(tag)

    def serving(self, tag: str) -> FakeRelease:
        """Have somebody start that release by hand, long ago."""
        script = self.store.script(tag)
        image = self.store.bring(str(script.image.id), script.image.tag)
        self.present.clear()
        for service in self.services * self.replicas:
            self._run(service, image, None, self.clock.now() - 86400)
        return script

    def goes_away(self, seconds: float = NEVER) -> None:
        """Stop answering, for that long from now on."""
        self._away_until = self.clock.now() + seconds

    def comes_back(self) -> None:
        """Answer again."""
        self._away_until = 0.0

    def kill(self, exit_code: int = 137) -> None:
        """Make every living instance exit."""
        for one in self.living():
            one.die(exit_code)

    def living(self) -> list[FakeInstance]:
        """Return the instances that live, whoever started them."""
        return [one for one in self.present if one.look().alive]

    def forget(self, files: ReleaseFiles) -> None:
        """Begin anew, with nothing at hand; the scripts stay."""
        self.files = files
        self.present.clear()
        self.store.forget()

    def prune(self) -> None:
        """Drop unused images, as `docker image prune -f` does."""
        self.store.prune({str(one.image.id) for one in self.present})

    def answer(self, instance: Instance) -> Verdict:
        """Return what a look at an instance says now."""
        found = next((one for one in (*self.present, *self.rehearsing) if one.instance.id == instance.id), None)
        return found.answer() if found else Verdict(ProbeVerdict.unhealthy, "connection refused")

    # The contract.

    def identity(self) -> Identity:
        with self._call("identity"):
            return Identity("fake-engine", self.project)

    def snapshot(self, image: ImageRef) -> Snapshot:  # noqa: ARG002 - the contract's
        with self.moments.around("backend.snapshot"):
            return Snapshot(dict(self.today))

    def running(self) -> Running | None:
        with self._call("running"):
            living = self.living()
            if not living:
                return None
            newest = living[-1]
            same = [one for one in self.present if _labels(one) == _labels(newest)]
            return Running(newest.image, tuple(one.look() for one in same), newest.instance.release, newest.fingerprint)

    def find(self, image: ImageRef) -> ImageRef | None:
        with self._call("find"):
            return self.store.find(image)

    def pull(self, image: ImageRef, policy: PullPolicy, control: Control) -> ImageRef:
        with self._call("pull"):
            until = self.clock.now() + self.pull_seconds
            while (left := until - self.clock.now()) > 0:
                control.interruption.check()
                self.clock.sleep(min(left, _SLICE))
            return self.store.pull(image, policy)

    def keep(self, release: Release) -> None:
        with self._call("keep"):
            self._at_hand(release)
            self.store.kept.add(str(release.image.id))

    def settle(self, serving: Release, previous: Release | None = None) -> None:  # noqa: ARG002 - the contract's
        with self._call("settle"):
            self.settled.append(serving.id)
            self.present = [one for one in self.present if one.look().alive or _belongs(one, serving)]

    def labels(self, image: ImageRef) -> Mapping[str, str]:
        with self._call("labels"):
            return dict(self.store.contents[str(image.id)].image_labels)

    def demand(self, image: ImageRef) -> None:  # noqa: ARG002 - the contract's
        with self._call("demand"):
            if self.refuses:
                raise ConfigError(self.refuses)

    @property
    def beside(self) -> bool:
        return self.strategy == "rolling"

    def has_release_command(self) -> bool:
        return self.release_command

    def run_release_command(self, release: Release, control: Control) -> None:
        with self._call("run_release_command", control):
            self.commanded.append(release.id)
            script = self.store.contents[str(release.image.id)]
            for line in script.command_output:
                control.show(line)
            control.interruption.check()
            if script.command_error:
                raise script.command_error()

    def rehearse(self, release: Release, control: Control) -> "FakeRehearsal":  # noqa: ARG002 - the contract's
        with self._call("rehearse"):
            if self.strategy == "rolling":
                raise ConfigError("backend.rehearse: rolling has its own")
            self.rehearsed.append(release.id)
            instance = self._made(self.services[0], release.image, release, self.clock.now())
            self.rehearsing = [instance]  # what a killed one left goes
            return FakeRehearsal(self, instance)

    def start(self, release: Release, control: Control) -> bool:
        with self._call("start", control):
            self._at_hand(release)
            files = dict(self.files.read(release.id).files)
            if error := self.store.contents[str(release.image.id)].start_error:
                raise error()
            started = [self._start(service, release, files, control) for service in self.services]
            return all(started)

    def instances(self, release: Release) -> Sequence[Instance]:
        with self._call("instances"):
            return [one.look() for one in self._mine(release)]

    def complete(self, release: Release) -> bool:
        with self._call("complete"):
            living = self.living()
            serving = {one.instance.service for one in living if one.look().status == "running"}
            return serving == set(self.services) and all(_belongs(one, release) for one in living)

    def others(self, release: Release) -> Sequence[Instance]:
        with self._call("others"):
            return [one.look() for one in self.living() if not _belongs(one, release)]

    def watch(self, release: Release) -> FakeWatch:
        with self._call("watch"):
            return FakeWatch(self.clock, self.ask, lambda: self._mine(release))

    def promote(self, release: Release, control: Control, *, drain: bool = True) -> None:
        with self._call("promote", control):
            others = [one for one in self.present if not _belongs(one, release)]
            if drain and any(one.look().alive for one in others):
                self.clock.sleep(self.drain)
            for one in others:
                control.guard()
                self.present.remove(one)
                self.moments.tell("backend.promote", "during")

    def stand_down(self, release: Release, control: Control) -> None:
        with self._call("stand_down", control):
            for one in self._mine(release):
                if one.look().alive:
                    one.stop()

    def discard(self, release: Release, kept: Sequence[Release], control: Control) -> bool:
        with self._call("discard", control):
            dead = [one for one in self._mine(release) if not one.look().alive]
            self.present = [one for one in self.present if one not in dead]
            used = {one.image.id for one in self.present} | {one.image.id for one in kept}
            return (release.image.id not in used and self.store.drop(str(release.image.id))) or bool(dead)

    def images(self) -> Sequence[ImageRef]:
        with self._call("images"):
            return list(reversed(self.store.at_hand.values()))

    def logs(self, release: Release, tail: int) -> str:
        with self._call("logs"):
            lines = "".join(one.log() for one in self._mine(release)).splitlines()
            return self.redact("\n".join(lines[-tail:]))

    def execute(self, instance: Instance, argv: Sequence[str], timeout: float) -> Execution:  # noqa: ARG002 - the contract's
        with self._call("execute"):
            if instance.id not in {one.instance.id for one in self.living()}:
                msg = f"{instance.name} does not run"
                raise StepFailed(msg)
            return Execution(0, self.redact(" ".join(argv) + "\n"))

    def redact(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, BLANK)
        return text

    # What it is made of.

    def _mine(self, release: Release) -> list[FakeInstance]:
        return [one for one in self.present if _belongs(one, release)]

    def ask(self) -> None:
        """Answer, or raise EngineUnreachable when it is away."""
        if self.clock.now() < self._away_until:
            raise EngineUnreachable("the fake engine does not answer", hint="It was told to go away.")

    def _call(self, name: str, control: Control | None = None) -> "_Call":
        """Return a call; one with a control changes what serves."""
        return _Call(self, f"backend.{name}", (control or Control()).guard)

    def _at_hand(self, release: Release) -> None:
        if self.store.find(release.image) is None:
            msg = f"{release.image.name} is not at hand"
            raise StepFailed(msg)

    def _start(self, service: str, release: Release, files: dict[str, bytes], control: Control) -> bool:
        """Start what is missing, or as many of them as may stand up at once; tell whether that is all."""
        there = [one for one in self.present if one.instance.service == service]
        running = [one for one in there if _belongs(one, release) and one.look().status == "running"]
        missing = self.replicas - len(running)
        for old in there:
            if old not in running and (self.strategy == "recreate" or _belongs(old, release)):
                self.present.remove(old)
        at_once = min(missing, self.parallelism or missing)
        for _ in range(at_once):
            self.moments.tell("backend.start", "during")
            control.guard()
            self._run(service, release.image, release, self.clock.now(), files)
        return at_once == missing

    def _run(
        self, service: str, image: ImageRef, release: Release | None, at: float, files: dict[str, bytes] | None = None
    ) -> None:
        self.present.append(self._made(service, image, release, at, files))

    def _made(
        self, service: str, image: ImageRef, release: Release | None, at: float, files: dict[str, bytes] | None = None
    ) -> FakeInstance:
        self._number += 1
        wall = self.clock.time() - self.clock.now() + at
        instance = Instance(
            id=f"i{self._number}",
            service=service,
            status="running",
            release=release.id if release else None,
            name=f"{self.project}-{service}-{self._number}",
            created_at=wall,
            started_at=wall,
        )
        behaviour = self.store.contents[str(image.id)].behaviour
        return FakeInstance(instance, image, behaviour, self.clock, at, release, dict(files or {}))


@dataclass(slots=True)
class FakeRehearsal:
    """One instance that nobody is led to, and that goes when it is left."""

    backend: FakeBackend
    instance: FakeInstance

    @property
    def published(self) -> Mapping[int, int]:
        return self.backend.published

    def __enter__(self) -> "FakeRehearsal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not Killed:
            self.backend.rehearsing.clear()

    def instances(self, release: Release) -> Sequence[Instance]:  # noqa: ARG002 - the contract's
        self.backend.ask()
        return [self.instance.look()] if self.instance in self.backend.rehearsing else []

    def logs(self, tail: int) -> str:
        return self.backend.redact("\n".join(self.instance.log().splitlines()[-tail:]))

    def watch(self, release: Release) -> FakeWatch:  # noqa: ARG002 - the contract's
        return FakeWatch(self.backend.clock, self.backend.ask, lambda: [self.instance])


@dataclass(slots=True)
class _Call:
    """One call: the moments around it, and whether the engine answers at all."""

    backend: FakeBackend
    name: str
    guard: Callable[[], None]

    def __enter__(self) -> None:
        self.backend.moments.tell(self.name, "before")
        self.backend.ask()
        self.guard()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.backend.moments.tell(self.name, "after")


def _labels(one: FakeInstance) -> tuple[str | None, str | None, str | None]:
    return one.image.id, one.instance.release, one.fingerprint


def _belongs(one: FakeInstance, release: Release) -> bool:
    """Whether it is of the release: by its labels; one without them is an adopted release's, by its image."""
    if one.release is None:
        return release.adopted and one.image.id == release.image.id
    return one.release.id == release.id and one.release.same_as(release)
