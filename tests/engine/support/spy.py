"""A `docker` before the real one on PATH, that notes how it is called."""

from __future__ import annotations

import os
import shlex
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Spy:
    """Notes the arguments of every call in a folder of its own."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir()
        docker, calls = shlex.quote(shutil.which("docker") or "docker"), shlex.quote(str(self.folder / "calls"))
        program = self.folder / "docker"
        program.write_text(f'#!/bin/sh\nprintf \'%s\\n\' "$*" >>{calls}\nexec {docker} "$@"\n')
        program.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        """In which it is the `docker` that is found."""
        return {"PATH": f"{self.folder}:{os.environ['PATH']}"}

    def calls(self) -> str:
        """All that was called."""
        return (self.folder / "calls").read_text()
