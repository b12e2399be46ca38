"""Signals of a verb that changes something: asked to stop, it stops where that is safe."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from deploykit.cli.errors import Hurried, NothingBegan
from deploykit.errors import Interrupted
from deploykit.interrupt import Cause, Interruption

_CAUSES = {signal.SIGINT: Cause.sigint, signal.SIGTERM: Cause.sigterm}


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Lend what SIGINT and SIGTERM set; SIGHUP is ignored. A second SIGINT from a terminal raises Hurried."""
    interruption = Interruption()

    def ask(number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT and interruption.event.is_set() and _from_terminal():
            raise Hurried
        interruption.request(_CAUSES[signal.Signals(number)])

    before = {number: signal.signal(number, ask) for number in _CAUSES}
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield interruption
    except Interrupted as error:
        raise NothingBegan(interruption.cause.exit_code) from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _from_terminal() -> bool:
    """Whether Ctrl-C on our terminal is what sends SIGINT: CI sends it too, and means the same as SIGTERM."""
    try:
        return sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError, AttributeError):
        return False
