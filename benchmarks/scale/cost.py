"""What a command of deploykit costs."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.scale.meter import Count, Meter
from benchmarks.timed import Unexpected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from resource import struct_rusage

LONGEST = 1800.0
"""Seconds after which a command counts as hanging."""
_GAP = 0.02


@dataclass(frozen=True)
class Cost:
    """`wall` and `processor` in seconds, the second with the docker commands that it ran; `memory` its own, in MiB."""

    wall: float
    processor: float
    memory: float
    count: Count

    def figures(self) -> dict[str, float]:
        """Return what is noted down, by measure."""
        return {
            "wall": self.wall,
            "processor": self.processor,
            "memory": self.memory,
            "questions": self.count.questions,
            "commands": self.count.commands,
            "answered": self.count.answered / 1e6,
        }


def cost(argv: Sequence[str], code: int, folder: Path, env: Mapping[str, str], meter: Meter) -> Cost:
    """Run a command that must end with that exit code, and count what it does by the meter."""
    meter.count, log = Count(), folder / "said"
    began = time.monotonic()
    with log.open("wb") as out:
        process = subprocess.Popen(
            argv, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
        try:
            status, usage, memory = _waited_for(process.pid, began + LONGEST)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != code:
        raise Unexpected(f"exit {process.returncode}, not {code}:\n{log.read_text()}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, memory, meter.count)


def _waited_for(pid: int, until: float) -> tuple[int, struct_rusage, float]:
    """Wait for the end of a process; return its status, what it used, and the most memory that it was seen with."""
    memory = 0.0
    while time.monotonic() < until:
        memory = max(memory, _peak(pid))
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            return status, usage, memory
        time.sleep(_GAP)
    raise Unexpected(f"it does not end within {LONGEST:g}s")


def _peak(pid: int) -> float:
    """Return the most memory that a process has had so far, in MiB; 0 for one that has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)
