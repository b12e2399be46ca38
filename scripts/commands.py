"""Commands with a time limit, and processes that are known again by pid and start time."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class CommandFailed(Exception):
    """A command ended badly or took too long; the text says which, and its last words."""


def run(
    argv: Sequence[str],
    *,
    timeout: float = 60,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    text: str | None = None,
) -> str:
    """Run a command and return what it printed."""
    try:
        done = subprocess.run(
            argv, input=text, env=env, cwd=cwd, timeout=timeout, check=True, capture_output=True, text=True
        )
    except subprocess.CalledProcessError as error:
        raise CommandFailed(f"{_name(argv)}: {last_line(error.stderr) or f'exit {error.returncode}'}") from error
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(f"{_name(argv)}: timed out after {timeout:g} s") from error
    except OSError as error:
        raise CommandFailed(f"{_name(argv)}: {error.strerror}") from error
    return done.stdout


def _name(argv: Sequence[str]) -> str:
    """Return a command without its options, to name it by."""
    return " ".join(itertools.takewhile(lambda word: not word.startswith("-"), argv))


def works(argv: Sequence[str], *, timeout: float = 20, env: Mapping[str, str] | None = None) -> bool:
    """Tell whether a command can be run and ends well."""
    try:
        run(argv, timeout=timeout, env=env)
    except CommandFailed:
        return False
    return True


def last_line(text: str) -> str:
    """Return the last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def until(ready: Callable[[], bool], *, within: float, every: float = 0.05) -> bool:
    """Look until it is so, for a bounded time; tell whether it came to be."""
    deadline = time.monotonic() + within
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


@dataclass(frozen=True)
class Process:
    """A process that may outlive us; a pid alone could be somebody else's by now."""

    pid: int
    born: int

    @classmethod
    def of(cls, pid: int) -> Process:
        return cls(pid, _born(pid))

    def alive(self) -> bool:
        return self.born != 0 and _born(self.pid) == self.born

    def end(self, patience: float = 30) -> None:
        """Ask it to end, wait, and kill it only when it does not."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not self.alive():
                return
            os.kill(self.pid, number)
            until(lambda: not self.alive(), within=patience)


def _born(pid: int) -> int:
    """Return the start time of a living process in clock ticks, else 0 (a zombie is not living)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in "ZX" else int(fields[19])
