"""A `docker` before the real one on PATH, that notes how it is called and can kill deploykit at a chosen moment."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """#!/bin/sh
printf '%s\\n' "$*" >>{folder}/calls
case "$1 $2" in
    create*|start*|stop*|update*|rm*|"network create"|"network connect"|"network disconnect") ;;
    *) exec {docker} "$@" ;;
esac
echo "$1" >>{folder}/changes
if [ "$(wc -l <{folder}/changes)" != {at} ]; then exec {docker} "$@"; fi
{moment}
"""
MOMENTS = {
    "before": "kill -9 $PPID; exit 1",
    "after": '{docker} "$@"; code=$?; kill -9 $PPID; exit $code',
}


@dataclass
class Fault:
    """Kills the deploykit that calls it `before` or `after` its n-th command that changes something; 0: never."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir()

    def at(self, number: int, moment: str = "before") -> dict[str, str]:
        """Forget what was noted, and return the environment in which deploykit is killed there."""
        docker = shutil.which("docker") or "docker"
        self._path("changes").unlink(missing_ok=True)
        self._path("calls").unlink(missing_ok=True)
        text = SCRIPT.replace("{moment}", MOMENTS[moment])
        for name, value in {"folder": str(self.folder), "docker": docker, "at": str(number)}.items():
            text = text.replace(f"{{{name}}}", value)
        program = self._path("docker")
        program.write_text(text)
        program.chmod(0o755)
        return {"PATH": f"{self.folder}:{os.environ['PATH']}"}

    def calls(self) -> str:
        """All that was called."""
        return self._path("calls").read_text()

    def changes(self) -> list[str]:
        """The commands that changed something."""
        return self._path("changes").read_text().split()

    def _path(self, name: str) -> Path:
        return self.folder / name
