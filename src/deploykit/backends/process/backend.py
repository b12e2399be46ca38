"""The process backend, as a whole."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploykit.backends.process import execution
from deploykit.backends.process.ending import end
from deploykit.backends.process.folders import Folders
from deploykit.backends.process.inside import log_program, program_in
from deploykit.backends.process.launch import Shim, specify
from deploykit.backends.process.logs import tail_of
from deploykit.backends.process.records import Entry, Records
from deploykit.backends.process.settings import Settings
from deploykit.backends.process.shim import Spec
from deploykit.backends.process.watch import ProcessWatch
from deploykit.disk import check_state_folder
from deploykit.errors import ConfigError, EngineUnreachable, PullFailed, StepFailed
from deploykit.plugins.folders import FolderStore
from deploykit.plugins.plain import Plain
from deploykit.protocols import Control, Execution, Identity, Program, PullPolicy, Rehearsal
from deploykit.redact import Redactor
from deploykit.release import ImageRef, Instance, Release, Running, Snapshot
from deploykit.store import ReleaseFolders


class ProcessBackend(Plain):
    """Releases are folders, instances are processes of this machine.

    A folder's content is copied into a store of its own when it is pulled, and runs from there: so a rollback brings
    back what ran, whatever has become of the folder. Everything is kept below `state/process`.
    """

    def __init__(
        self,
        *,
        name: str,
        command: Sequence[str],
        base: Path = Path(),
        state: Path = Path(".deploykit"),
        directory: str = "releases/{tag}",
        environment: Mapping[str, str] | None = None,
        stop_grace: float = 10.0,
        service: str = "app",
    ) -> None:
        self._project = name
        self._folders = Folders.of(base, state)
        self._files = ReleaseFolders.of(state)
        self._settings = Settings(command, environment or {}, directory, stop_grace, service)
        self._images = FolderStore(self._folders.home / "images", name)
        self._records = Records(self._folders.home, name)

    def identity(self) -> Identity:
        try:
            return Identity(self._folders.engine_id(), self._project, noun="Process")
        except OSError as error:
            check_state_folder(self._folders.home.parent, os.R_OK | os.X_OK)
            msg = f"{self._folders.home} cannot be used: {error.strerror}"
            raise EngineUnreachable(msg, hint="Give this user the state folder, or set [state] dir.") from error

    def snapshot(self, image: ImageRef) -> Snapshot:
        snapshot = self._settings.snapshot(image.tag)
        self._folders.release(self._settings.folder(image.tag or "tag"))
        return snapshot

    def running(self) -> Running | None:
        living = [entry for entry in self._records.all() if entry.alive]
        if not living:
            return None
        newest = living[0]
        same = [one for one in living if (one.release, one.fingerprint) == (newest.release, newest.fingerprint)]
        return Running(newest.image, tuple(one.instance for one in same), newest.release, newest.fingerprint)

    def find(self, image: ImageRef) -> ImageRef | None:
        return self._images.find(image)

    def pull(self, image: ImageRef, policy: PullPolicy, control: Control) -> ImageRef:
        control.interruption.check()
        at_hand = self.find(image)
        if at_hand and (image.id or image.digest or policy is not PullPolicy.always):
            return at_hand
        if policy is PullPolicy.never:
            msg = f"{image.name} is not at hand, and is not to be pulled"
            raise PullFailed(msg, hint="Pass --pull missing.")
        return self._bring(image, control)

    def rehearse(self, release: Release, control: Control) -> Rehearsal:  # noqa: ARG002 - the contract's
        raise ConfigError(
            "backend.rehearse: a process has no place of its own beside the one that serves",
            hint="Deploy without --rehearse.",
        )

    def start(self, release: Release, control: Control) -> bool:
        entries = self._records.all()
        serves = next((entry for entry in entries if entry.alive and entry.of(release)), None)
        if serves:
            end([entry for entry in entries if entry.present and entry is not serves])
            return True
        spec = self._new(release, control, entries)
        # The shim gets ready while the others end: what serves is away for that much less.
        with Shim(control.inherit) as shim:
            end([entry for entry in entries if entry.present])
            self._records.prune()
            shim.run(spec)
        return True

    def instances(self, release: Release) -> Sequence[Instance]:
        return [entry.instance for entry in self._records.of(release)]

    def complete(self, release: Release) -> bool:
        return any(entry.alive for entry in self._records.of(release)) and not self.others(release)

    def others(self, release: Release) -> Sequence[Instance]:
        return [entry.instance for entry in self._records.all() if entry.alive and not entry.of(release)]

    def watch(self, release: Release) -> ProcessWatch:
        return ProcessWatch(lambda: self._records.of(release))

    def promote(self, release: Release, control: Control, *, drain: bool = True) -> None:  # noqa: ARG002 - the contract's
        end([entry for entry in self._records.all() if entry.present and not entry.of(release)])

    def stand_down(self, release: Release, control: Control) -> None:  # noqa: ARG002 - the contract's
        end([entry for entry in self._records.of(release) if entry.present])

    def discard(self, release: Release, kept: Sequence[Release], control: Control) -> bool:
        entries = self._records.all()
        ended = [entry for entry in entries if entry.of(release) and not entry.alive]
        end([entry for entry in ended if entry.present])
        for entry in ended:
            self._records.forget(entry)
        used = {*(entry.image.id for entry in entries if entry.alive), *(one.image.id for one in kept)}
        if release.image.id is None or release.image.id in used:
            return bool(ended)
        return self._images.discard(release.image.id, control.interruption) or bool(ended)

    def images(self) -> Sequence[ImageRef]:
        return self._images.images()

    def logs(self, release: Release, tail: int) -> str:
        then = Redactor(self._settings_of(release.id).environment)
        entries = self._records.of(release)
        return tail_of(self._records.log(entries[0].id), tail, lambda text: self.redact(then(text))) if entries else ""

    def execute(self, instance: Instance, argv: Sequence[str], timeout: float) -> Execution:
        entry = self._records.get(instance.id)
        if entry is None or not entry.alive:
            msg = f"{instance.name or instance.id} does not run"
            raise StepFailed(msg)
        environment = {**os.environ, **self._settings_of(entry.release).environment}
        return execution.run(argv, self._content(entry.image), environment, timeout)

    # By hand.

    def exec_program(self, service: str, argv: Sequence[str], *, terminal: bool) -> Program:  # noqa: ARG002 - the contract's
        entry = self._newest(service)
        if not entry.alive:
            raise _nothing_runs()
        return program_in(self._content(entry.image), argv, self._settings_of(entry.release).environment)

    def shell_program(self, release: Release, argv: Sequence[str], *, terminal: bool) -> Program:  # noqa: ARG002 - the contract's
        return program_in(self._content(release.image), argv, self._settings_of(release.id).environment)

    def compose_program(self, release: Release, argv: Sequence[str]) -> Program:  # noqa: ARG002 - the contract's
        raise ConfigError("backend.type: this one is not run by Compose", hint="`deploykit exec` and `shell` lead in.")

    def logs_program(self, service: str | None, *, follow: bool, tail: int | None) -> Program:
        log = self._records.log(self._newest(service or self._settings.service).id)
        return log_program(log, follow=follow, tail=tail)

    def _newest(self, service: str) -> Entry:
        """Return the instance that was started last."""
        if service != self._settings.service:
            msg = f"there is no service {service!r}"
            raise ConfigError(msg, hint=f"There is {self._settings.service}.")
        entries = self._records.all()
        if not entries:
            raise _nothing_runs()
        return entries[0]

    def redact(self, text: str) -> str:
        return Redactor(self._settings.environment)(text)

    def _bring(self, image: ImageRef, control: Control) -> ImageRef:
        folder = self._folders.release(self._settings.folder(image.tag))
        if not folder.is_dir():
            msg = f"{image.name} did not come: there is no folder {folder}"
            raise PullFailed(msg, hint="backend.directory says where the folders of releases are.")
        try:
            self._folders.make_home()
            return self._images.add(folder, image, control.interruption)
        except OSError as error:
            msg = f"{image.name} did not come: {folder} cannot be copied"
            raise PullFailed(msg, detail=str(error)) from error

    def _content(self, image: ImageRef) -> Path:
        found = self.find(image)
        if found is None or found.id is None:
            msg = f"the content of {image.name} is not at hand"
            raise StepFailed(msg)
        return self._images.content(found.id)

    def _settings_of(self, release_id: str) -> Settings:
        return Settings.of(self._files.read(release_id))

    def _new(self, release: Release, control: Control, others: Sequence[Entry]) -> Spec:
        self._folders.make_home()
        settings = self._settings_of(release.id)
        number = max((entry.number for entry in others), default=0) + 1
        return specify(release, settings, self._content(release.image), self._records, number, control.inherit)


def _nothing_runs() -> ConfigError:
    return ConfigError("no process of it runs", hint="`deploykit status` shows what there is.")
