"""Ends what an aborted run of the tests left running: engines with all that runs on them, and their networks.

They are known by the run's own folder, which is on their command lines, and by its name, which no other run has.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAMS = ("dockerd", "containerd", "docker-registry", "registry")
"""How the programs begin that may be left; whoever only looks at the folder has it on the command line too."""


def end(folder: Path, name: str) -> None:
    """End what still runs in a folder, and remove it, with the networks that carry the name."""
    for process in naming(f"{folder}/"):
        if _program(process).startswith(PROGRAMS):
            print(f"left running, and ended: {_program(process)}, process {process}", flush=True)
            kill_with_children(process)
    remove(folder)
    for network in _of(name, "ip", "netns", "list"):
        subprocess.run(["ip", "netns", "del", network], check=False)
    for link in _of(name, "ip", "-br", "link"):
        subprocess.run(["ip", "link", "del", link.partition("@")[0]], check=False)


def naming(folder: str) -> Iterator[int]:
    """Yield the processes whose command lines have something in that folder."""
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if folder.encode() in line.read_bytes():
                yield int(line.parent.name)


def kill_with_children(process: int) -> None:
    """End a process and those it has started: for one that stands over a container, what is in it."""
    children = Path("/proc", str(process), "task", str(process), "children")
    started = children.read_text().split() if children.exists() else []
    for one in (*map(int, started), process):
        with suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)


def remove(folder: Path) -> None:
    """Remove the folder of engines that have ended; what they left mounted there is unmounted first."""
    unmount(folder)
    shutil.rmtree(folder, ignore_errors=True)


def unmount(folder: Path) -> None:
    """Unmount all that is mounted below a folder: what was mounted last, first."""
    for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
        mounted = line.split()[1]
        if mounted.startswith(f"{folder}/"):
            subprocess.run(["umount", "--lazy", mounted], check=False)


def _program(process: int) -> str:
    try:
        return Path("/proc", str(process), "comm").read_text().strip()
    except OSError:
        return ""


def _of(name: str, *listing: str) -> list[str]:
    """Return what a command lists, by the first word of its lines, that begins with the name."""
    if not shutil.which(listing[0]):
        return []
    done = subprocess.run(listing, capture_output=True, text=True, check=False)
    return [line.split()[0] for line in done.stdout.splitlines() if line.startswith(name)]
