"""A base for backends that replace in place: say what there is, and how one is launched and ended; the rest follows."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType

from deploykit.plugins.plain import Plain
from deploykit.protocols import Control, Identity, PullPolicy
from deploykit.release import ImageRef, Instance, Release, Running

_POLL = 0.1


@dataclass(frozen=True, slots=True)
class Found:
    """An instance that there is, with what was written on it when it was launched; None: nothing was."""

    instance: Instance
    image: ImageRef
    fingerprint: str | None = None

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.instance.alive

    def of(self, release: Release) -> bool:
        """Whether it is an instance of that release."""
        if self.instance.release is None:
            return release.adopted and self.image.id == release.image.id
        return (self.instance.release, self.fingerprint) == (release.id, release.fingerprint)


class InPlace(Plain, ABC):
    """A backend but for what only its runtime can tell. deploykit.protocols.Backend says what each call promises."""

    @abstractmethod
    def identity(self) -> Identity: ...

    @abstractmethod
    def pull(self, image: ImageRef, policy: PullPolicy, control: Control) -> ImageRef: ...

    @abstractmethod
    def images(self) -> Sequence[ImageRef]: ...

    @abstractmethod
    def present(self) -> Sequence[Found]:
        """Return every instance of the app that there is, the newest first, also those that have exited."""

    @abstractmethod
    def launch(self, release: Release, control: Control) -> None:
        """Start the release, with its own files, and write id and fingerprint on it. Nothing else runs then."""

    @abstractmethod
    def end(self, one: Found) -> None:
        """End it, if it lives, and remove what is left of it. Idempotent."""

    @abstractmethod
    def drop(self, image: ImageRef) -> bool:
        """Remove content that nothing uses any more; False when it was not at hand."""

    # What follows from that.

    def running(self) -> Running | None:
        living = [one for one in self.present() if one.alive]
        if not living:
            return None
        newest = living[0]
        same = [one for one in living if _written(one) == _written(newest)]
        return Running(newest.image, tuple(one.instance for one in same), newest.instance.release, newest.fingerprint)

    def find(self, image: ImageRef) -> ImageRef | None:
        def named(one: ImageRef) -> bool:
            if image.id or image.digest:
                return one.id == image.id if image.id else one.digest == image.digest
            return (one.repository, one.tag) == (image.repository, image.tag)

        return next((one for one in self.images() if named(one)), None)

    def start(self, release: Release, control: Control) -> bool:
        mine = any(one.alive and one.of(release) for one in self.present())
        for one in self._others(release):
            self.end(one)
        if not mine:
            self.launch(release, control)
        return True

    def promote(self, release: Release, control: Control, *, drain: bool = True) -> None:  # noqa: ARG002 - the contract's
        for one in self._others(release):
            self.end(one)

    def settle(self, serving: Release, previous: Release | None = None) -> None:  # noqa: ARG002 - the contract's
        for one in self.present():
            if not one.alive and not one.of(serving):
                self.end(one)

    def discard(self, release: Release, kept: Sequence[Release], control: Control) -> bool:  # noqa: ARG002 - the contract's
        found = self.present()
        ended = [one for one in found if one.of(release) and not one.alive]
        for one in ended:
            self.end(one)
        used = {one.image.id for one in found if one.alive} | {one.image.id for one in kept}
        return (release.image.id not in used and self.drop(release.image)) or bool(ended)

    def instances(self, release: Release) -> Sequence[Instance]:
        return [one.instance for one in self.present() if one.of(release)]

    def others(self, release: Release) -> Sequence[Instance]:
        return [one.instance for one in self._others(release)]

    def complete(self, release: Release) -> bool:
        return any(one.alive for one in self.instances(release)) and not self.others(release)

    def watch(self, release: Release) -> "PolledWatch":
        return PolledWatch(lambda: self.instances(release))

    def _others(self, release: Release) -> list[Found]:
        return [one for one in self.present() if one.alive and not one.of(release)]


class PolledWatch:
    """An eye for runtimes that tell nothing by themselves: looks ten times a second."""

    def __init__(self, look: Callable[[], Sequence[Instance]]) -> None:
        self._look = look
        # Those that have exited by now are told as such at the first wait, so that nothing is missed.
        self._told = {one.id: True for one in look()}

    def __enter__(self) -> "PolledWatch":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._told.clear()

    def wait(self, seconds: float) -> Sequence[Instance]:
        deadline = time.monotonic() + seconds
        while True:
            news = [one for one in self._look() if self._told.get(one.id) is not one.alive]
            self._told |= {one.id: one.alive for one in news}
            left = deadline - time.monotonic()
            if news or left <= 0:
                return news
            time.sleep(min(_POLL, left))


def _written(one: Found) -> tuple[str | None, str | None, str | None]:
    return one.image.id, one.instance.release, one.fingerprint
