"""Getting at what runs by hand: programs that take the place of deploykit, with its terminal and their own code."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from deploykit.errors import ConfigError, NoSuchRelease, StepFailed
from deploykit.protocols import Inside, Program
from deploykit.release import Release
from deploykit.session import Parts
from deploykit.status import current_release


@dataclass(frozen=True, slots=True)
class Hands:
    """What may be done by hand with an app. Nothing here takes the lock, and nothing is run: that is the caller's.

    `terminal`: the program has one. Everything raises EngineUnreachable when the runtime does not answer, and
    ConfigError when it has no such thing.
    """

    parts: Parts

    def exec(self, service: str, argv: Sequence[str], *, terminal: bool) -> Program:
        """Return what runs a command in a living instance of a service."""
        with _kept():
            return self._inside().exec_program(service, argv, terminal=terminal)

    def shell(self, release: Release | None, argv: Sequence[str], *, terminal: bool) -> Program:
        """Return what runs a command in a one-off of a release: what serves, when none is named."""
        with _kept():
            return self._inside().shell_program(self._here(release or self._running()), argv, terminal=terminal)

    def compose(self, argv: Sequence[str]) -> Program:
        """Return `docker compose ARGV` with project, files, pin and variables of what runs."""
        with _kept():
            return self._inside().compose_program(self._here(self._running()), argv)

    def logs(self, service: str | None, *, follow: bool, tail: int | None) -> Program:
        """Return what shows the log of what runs, as its runtime has it."""
        return self._inside().logs_program(service, follow=follow, tail=tail)

    def _inside(self) -> Inside:
        backend = self.parts.backend
        if not isinstance(backend, Inside):
            raise ConfigError("this backend has no way inside", hint="Use the tools of its runtime.")
        return backend

    def _here(self, release: Release) -> Release:
        """See to it that the files of a release are on this machine: another may have deployed it."""
        files = self.parts.state.files
        with suppress(StepFailed):  # they are gone: not every backend needs them, and it says so itself
            files.keep(release.id, files.read(release.id))
        return release

    def _running(self) -> Release:
        release = current_release(self.parts)
        if release is None or not release.id:
            what = f"{release.image.name} was not deployed by deploykit" if release else "nothing runs"
            raise NoSuchRelease(what, hint="`deploykit status` shows what there is.")
        return release


@contextmanager
def _kept() -> Iterator[None]:
    """Tell of a release whose image or files are gone as of one that is not there."""
    try:
        yield
    except StepFailed as error:
        hint = "`prune` removes them; `deploykit protect` keeps them."
        raise NoSuchRelease(str(error), hint=error.hint or hint) from error
