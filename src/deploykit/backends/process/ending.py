"""Ending instances: by their shims, or by hand where the shim was killed."""

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from deploykit.backends.process.living import Process, wait_for_end
from deploykit.backends.process.records import Entry
from deploykit.backends.process.shim import members
from deploykit.errors import StepFailed
from deploykit.processes import start_time

PATIENCE = 7.0
"""Seconds after the grace: a shim gives up on what cannot be killed after 5."""
_POLL = 0.02


def end(entries: Sequence[Entry]) -> None:
    """End instances, all at once, with everything that they started. Idempotent.

    Raises:
        StepFailed: one cannot be ended.
    """
    try:
        for entry in entries:
            entry.shim.send(signal.SIGTERM)
        asked = time.monotonic()
        for entry in entries:
            _see_off(entry.shim, asked + entry.grace + PATIENCE)
            _end_orphan(entry.process, entry.grace)
    except PermissionError as error:
        msg = "an instance that is to be ended belongs to another user"
        raise StepFailed(msg, hint="Deploy as the user who started it.") from error


def _see_off(shim: Process, deadline: float) -> None:
    while shim.alive and (left := deadline - time.monotonic()) > 0:
        wait_for_end([shim], left)
    shim.send(signal.SIGKILL)


def _end_orphan(leader: Process, grace: float) -> None:
    group = _Group(leader.pid, _members(leader.pid))
    if not leader.alive:  # looked at after the group, which was its own then
        return
    if not group.ended(signal.SIGTERM, grace) and not group.ended(signal.SIGKILL, PATIENCE):
        msg = f"process {leader.pid} cannot be killed"
        raise StepFailed(msg, hint="It may hang in the kernel: ps tells its state.")


@dataclass(slots=True)
class _Group:
    """A process group without its shim. It is ours for as long as one that was in it at the last look still is."""

    number: int
    known: set[Process]

    def ended(self, number: int, seconds: float) -> bool:
        """Signal it, and tell whether it has ended within that time."""
        deadline = time.monotonic() + seconds
        if self._lives():
            with suppress(ProcessLookupError):
                os.killpg(self.number, number)
        while self._lives():
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL)
        return True

    def _lives(self) -> bool:
        now = _members(self.number)
        self.known = now if now & self.known else set()
        return bool(self.known)


def _members(group: int) -> set[Process]:
    return {Process(pid, start) for pid in members(group) if (start := start_time(pid))}
