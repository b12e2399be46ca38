"""What can be looked at, and watched: the instances of a release, or the one of a rehearsal."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from deploykit.release import Instance, Release


class Watch(AbstractContextManager["Watch"], Protocol):
    """An open eye on the instances of a release. Closing it leaves nothing behind."""

    def wait(self, seconds: float) -> Sequence[Instance]:
        """Return instances that changed (died, started, turned healthy or unhealthy) as soon as there are any.

        Blocks for at most `seconds`, and returns nothing when they have passed. An exit is told with its exit code,
        even when the runtime has started the instance again meanwhile. May tell the same twice, never tells nothing.

        Raises:
            EngineUnreachable: the runtime does not answer any more.
        """
        ...


class Watched(Protocol):
    """Instances that can be looked at, and watched."""

    def instances(self, release: Release) -> Sequence[Instance]:
        """Return every instance of the release that there is, also those that have exited."""
        ...

    def watch(self, release: Release) -> Watch:
        """Open an eye on the release. Told by the runtime as it happens, not by asking again and again.

        Nothing that happened since it was started is missed.
        """
        ...


class Rehearsal(AbstractContextManager["Rehearsal"], Watched, Protocol):
    """One instance of a release beside what serves, to which nobody is led. Leaving it removes the instance."""

    @property
    def published(self) -> Mapping[int, int]:
        """The ports of this machine at which the release would be reached, each with the instance's own."""
        ...

    def logs(self, tail: int) -> str:
        """Return the last `tail` lines that the instance wrote, redacted."""
        ...
