"""The processor time of a process and of all that it started, as the kernel counts it."""

from __future__ import annotations

import os
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")
PARENT, TIMES = 1, slice(11, 15)
"""Where in `/proc/PID/stat`, after the name, the parent and the four times stand: own and of ended children."""


def used(pid: int) -> float:
    """Return the seconds that a process, its children, and theirs have used by now."""
    stats = dict(_stats())
    children = defaultdict(list)
    for child, fields in stats.items():
        children[int(fields[PARENT])].append(child)
    return TICK * _ticks(pid, stats, children)


def _ticks(pid: int, stats: dict[int, list[str]], children: dict[int, list[int]]) -> int:
    own = sum(map(int, stats[pid][TIMES])) if pid in stats else 0
    return own + sum(_ticks(child, stats, children) for child in children.get(pid, ()))


def _stats() -> list[tuple[int, list[str]]]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            found.append((int(path.parent.name), path.read_text().rpartition(")")[2].split()))
    return found
