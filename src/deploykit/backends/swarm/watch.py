"""An eye on the tasks of a release.

A swarm tells of no change of a task as it happens: a manager is asked, over its socket several times a second.
"""

import time
from collections.abc import Callable, Sequence
from types import TracebackType

from deploykit.release import Instance

_SHARE = 5.0
"""How many times as long as a look the next one is waited for."""


class TaskWatch:
    """Tells instances that are not what they were at the last look.

    `look` is called `gap` seconds apart, and less often where it takes long, as the last one did that took `taken`: the
    swarm has other things to do. So it is first called a gap after the beginning: who opens a watch looks then.
    """

    def __init__(self, look: Callable[[], Sequence[Instance]], gap: float, taken: float = 0.0) -> None:
        self._look = look
        self._gap = gap
        self._known: dict[str, Instance] = {}
        self._wait_after(taken)

    def __enter__(self) -> "TaskWatch":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def wait(self, seconds: float) -> Sequence[Instance]:
        until = time.monotonic() + seconds
        while True:
            if self._due > until:
                time.sleep(max(until - time.monotonic(), 0))
                return ()
            time.sleep(max(self._due - time.monotonic(), 0))
            if changed := self._changed():
                return changed
            if time.monotonic() >= until:
                return ()

    def _wait_after(self, taken: float) -> None:
        self._due = time.monotonic() + max(self._gap, _SHARE * taken)

    def _changed(self) -> Sequence[Instance]:
        began = time.monotonic()
        found = {one.name: one for one in self._look()}
        ended = time.monotonic()
        self._wait_after(ended - began)
        changed = [one for name, one in found.items() if self._known.get(name) != one]
        self._known = found
        return changed
