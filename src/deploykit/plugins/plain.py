"""What a backend answers whose runtime does no more than run releases, one in place of the other."""

from collections.abc import Mapping, Sequence

from deploykit.errors import ConfigError, StepFailed
from deploykit.protocols import Control, Execution, Rehearsal
from deploykit.release import ImageRef, Instance, Release, Snapshot


class Plain:
    """No files of a release, no logs, no release command, no rehearsal, nothing beside what serves, nothing to tidy."""

    def snapshot(self, image: ImageRef) -> Snapshot:  # noqa: ARG002 - the contract's
        return Snapshot()

    def logs(self, release: Release, tail: int) -> str:  # noqa: ARG002 - the contract's
        return ""

    @property
    def beside(self) -> bool:
        return False

    def keep(self, release: Release) -> None:
        """Do nothing: nobody else removes content."""

    def settle(self, serving: Release, previous: Release | None = None) -> None:
        """Do nothing: those that have exited are only records."""

    def labels(self, image: ImageRef) -> Mapping[str, str]:  # noqa: ARG002 - the contract's
        return {}

    def demand(self, image: ImageRef) -> None:
        """Do nothing: only running it tells whether it can be run."""

    def has_release_command(self) -> bool:
        return False

    def run_release_command(self, release: Release, control: Control) -> None:
        """Do nothing: there is none."""

    def rehearse(self, release: Release, control: Control) -> Rehearsal:  # noqa: ARG002 - the contract's
        raise ConfigError("backend.rehearse: this backend has none", hint="Deploy without it.")

    def stand_down(self, release: Release, control: Control) -> None:
        """Do nothing: none stands beside another."""

    def execute(self, instance: Instance, argv: Sequence[str], timeout: float) -> Execution:  # noqa: ARG002 - the contract's
        raise StepFailed("this backend runs no commands inside its instances")

    def redact(self, text: str) -> str:
        return text
