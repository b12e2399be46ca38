"""Which process is which: a pid alone is given again, a pid with its start time is not."""

import subprocess
from pathlib import Path


def start_time(pid: int) -> str | None:
    """Return when the process of that pid started, as a text that only compares; None when there is none.

    On Linux it names the boot too, so that a pid from before a reboot is never taken for one of now.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        booted = boot()
    except FileNotFoundError:
        return None if Path("/proc/self/stat").exists() else _from_ps(pid)
    except ProcessLookupError:
        return None
    # The command name, in brackets, may hold spaces and brackets; state and start are fields 3 and 22 (man 5 proc).
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else f"{fields[19]}@{booted}"


def boot() -> str:
    """Return what names this machine since it was started, as against any other; raises OSError where nothing does."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _from_ps(pid: int) -> str | None:
    shown = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return shown.stdout.strip() or None
