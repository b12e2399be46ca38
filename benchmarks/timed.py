"""A command that is timed, bounded in time, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

LONGEST = 240.0
"""Seconds after which a command counts as hanging."""
PATIENCE = 30.0
"""Seconds that a command which is told to stop gets for making safe what serves."""


class Unexpected(Exception):
    """A command did not do what is measured, so its time means nothing."""


@dataclass(frozen=True)
class Timed:
    """How a command ended. `began` is in seconds since the epoch, `wall` in seconds."""

    code: int
    began: float
    wall: float
    output: str

    @property
    def ended(self) -> float:
        """When it ended, in seconds since the epoch."""
        return self.began + self.wall

    def must(self, code: int) -> Timed:
        """Return itself when it ended with that exit code."""
        if self.code != code:
            raise Unexpected(f"exit {self.code}, not {code}:\n{self.output}")
        return self


def timed(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> Timed:
    """Run a command to its end, in a session of its own, with what it writes kept."""
    began, clock = time.time(), time.monotonic()
    process = subprocess.Popen(
        argv,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=LONGEST)
        wall = time.monotonic() - clock
    except BaseException:
        stop(process)
        raise
    return Timed(process.returncode, began, wall, output)


def stop(process: subprocess.Popen[str]) -> None:
    """Tell a command to stop, and kill its group when it does not."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=PATIENCE)
            return
