"""Processes that were started earlier, by others: never known by their pid alone."""

import os
import selectors
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from deploykit.processes import start_time

_POLL = 0.05


@dataclass(frozen=True, slots=True)
class Process:
    """A process: its pid, and when it started, which no other process of that pid has in common with it."""

    pid: int
    start: str

    @property
    def alive(self) -> bool:
        return start_time(self.pid) == self.start

    def send(self, number: int) -> None:
        """Send it a signal, if it is still there."""
        with suppress(ProcessLookupError), _handle(self.pid) as handle:
            if not self.alive:
                return
            if handle is None:
                os.kill(self.pid, number)
            else:
                # What the handle stands for cannot become another process between the look and the signal.
                signal.pidfd_send_signal(handle, number)


def wait_for_end(processes: Iterable[Process], seconds: float) -> None:
    """Return as soon as one of them has ended, and after that many seconds at the latest."""
    chosen = list(processes)
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        try:
            handles = [stack.enter_context(_handle(one.pid)) for one in chosen]
        except ProcessLookupError:
            return None
        for handle in handles:
            if handle is None:
                return _poll(chosen, seconds)
            selector.register(handle, selectors.EVENT_READ)
        if all(one.alive for one in chosen):
            selector.select(max(seconds, 0))
    return None


def _poll(processes: Iterable[Process], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while all(one.alive for one in processes) and (left := deadline - time.monotonic()) > 0:
        time.sleep(min(_POLL, left))


@contextmanager
def _handle(pid: int) -> Iterator[int | None]:
    """Lend a pidfd; None where there are none. Raises ProcessLookupError when there is no such process."""
    handle = _open(pid)
    try:
        yield handle
    finally:
        if handle is not None:
            os.close(handle)


def _open(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        raise
    except (AttributeError, OSError):
        return None
