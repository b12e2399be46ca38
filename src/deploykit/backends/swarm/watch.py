"""An eye on the tasks of a release.

A swarm tells of no change of a task as it happens, whatever its node: managers are asked, over a socket several times a
second, which costs them a millisecond.
"""

import time
from collections.abc import Callable, Sequence
from types import TracebackType

from deploykit.release import Instance


class TaskWatch:
    """Tells instances that are not what they were at the last look; `look` takes it, `gap` seconds apart."""

    def __init__(self, look: Callable[[], Sequence[Instance]], gap: float) -> None:
        self._look = look
        self._gap = gap
        self._known: dict[str, Instance] = {}
        self._looked = -gap

    def __enter__(self) -> "TaskWatch":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def wait(self, seconds: float) -> Sequence[Instance]:
        until = time.monotonic() + seconds
        while True:
            due = self._looked + self._gap
            if due > until:
                time.sleep(max(until - time.monotonic(), 0))
                return ()
            time.sleep(max(due - time.monotonic(), 0))
            if changed := self._changed():
                return changed
            if time.monotonic() >= until:
                return ()

    def _changed(self) -> Sequence[Instance]:
        self._looked = time.monotonic()
        found = {one.name: one for one in self._look()}
        changed = [one for name, one in found.items() if self._known.get(name) != one]
        self._known = found
        return changed
