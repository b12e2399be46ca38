"""What must be known of a machine to read its figures: nothing that names it."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from scripts.commands import run


def facts() -> dict[str, str]:
    """Return what the figures depend on, in words."""
    return {
        **here(),
        "engine": run(["docker", "version", "--format", "{{.Server.Version}}"]).strip(),
        "compose": run(["docker", "compose", "version", "--short"]).strip(),
    }


def here() -> dict[str, str]:
    """Return what they depend on where no engine answers."""
    return {
        "cores": str(os.cpu_count()),
        "memory": f"{_memory() / 2**20:.0f} GiB",
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def load() -> float:
    """Return the load average of the last minute."""
    return round(os.getloadavg()[0], 2)


def _memory() -> int:
    """Return the memory in KiB."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("MemTotal:"))
