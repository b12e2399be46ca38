"""A folder in memory for what lives no longer than a run of the tests: engines, registries, state folders.

A container that is made and removed waits for the disk a dozen times; most of what tests do is that.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMORY = Path("/dev/shm")
DISK = "/var/tmp"
ENOUGH = 8 * 1024**3
"""Bytes that must be free: all tests together take a quarter of it."""
ENGINES = "DEPLOYKIT_TEST_FOLDER"
"""The variable that names where engines of the tests keep what they have."""


def folder_of_engine(prefix: str) -> Path:
    """Make a folder for an engine."""
    return Path(tempfile.mkdtemp(prefix=prefix, dir=os.environ.get(ENGINES, DISK)))


@contextmanager
def folder_of_run() -> Iterator[Path]:
    """Let this run, and what it starts, keep its files in a folder in memory; its engines alone where that is short."""
    in_memory = _enough()
    # Short, as the sockets of engines are below it.
    folder = tempfile.mkdtemp(prefix="dk-", dir=MEMORY if in_memory else DISK)
    before = dict(os.environ)
    os.environ |= {ENGINES: folder} | ({"TMPDIR": folder} if in_memory else {})
    tempfile.tempdir = None
    try:
        yield Path(folder)
    finally:
        os.environ.clear()
        os.environ.update(before)
        tempfile.tempdir = None
        shutil.rmtree(folder, ignore_errors=True)


def _enough() -> bool:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
        free = min(available, shutil.disk_usage(MEMORY).free, *_left_to_us())
        return os.access(MEMORY, os.W_OK) and free >= ENOUGH
    except (OSError, StopIteration):
        return False


def _left_to_us() -> Iterator[int]:
    """What a container may still take, where this is one with a limit: a folder in memory counts too."""
    group = Path("/sys/fs/cgroup")
    with suppress(OSError, ValueError):
        yield int((group / "memory.max").read_text()) - int((group / "memory.current").read_text())
