"""An open eye on the instances of a release: the kernel tells of their ends."""

import time
from collections.abc import Callable, Sequence
from types import TracebackType

from deploykit.backends.process.living import wait_for_end
from deploykit.backends.process.records import Entry
from deploykit.release import Instance


class ProcessWatch:
    """Tells of starts and exits. Holds nothing open between two waits."""

    def __init__(self, look: Callable[[], Sequence[Entry]]) -> None:
        self._look = look
        # Those that have exited by now are told as such at the first wait, so that nothing is missed.
        self._told = dict.fromkeys((entry.id for entry in look()), True)

    def __enter__(self) -> "ProcessWatch":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def wait(self, seconds: float) -> Sequence[Instance]:
        deadline = time.monotonic() + seconds
        while True:
            entries = self._look()
            changed = [entry for entry in entries if self._told.get(entry.id) is not entry.alive]
            self._told.update((entry.id, entry.alive) for entry in changed)
            left = deadline - time.monotonic()
            if changed or left <= 0:
                return [entry.instance for entry in changed]
            wait_for_end([entry.process for entry in entries if entry.alive], left)
