"""The example SandMatch: Django, a worker and a real Postgres, deployed by `./deploy/deploy.sh` as people do."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scripts import tools
from scripts.sweep import LABEL
from tests.engine.support import names
from tests.engine.support.docker import docker
from tests.engine.support.images import legacy_build
from tests.engine.support.project import ComposeApp, clean

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLE = Path(__file__).parents[3] / "examples" / "sandmatch"
POSTGRES = Path(__file__).parent.parent / "images" / "postgres"
OWN = {
    'name  = "sandmatch"': 'name  = "{name}"',
    "http://localhost:8000/": "http://localhost:{port}/",
    "attempts   = 30": "attempts   = 12",
    "interval   = 2.0": "interval   = 0.5",
}
"""What differs in a test: names and ports of its own, and less patience."""
BUDGET = "6s"
SERVICES = ("web", "worker", "db")


def build_bases() -> tuple[str, str]:
    """Make the image that the app's derive from, and that of Postgres, and return their names."""
    django, system, postgres = (f"deploykit-test/{names.OWNER}:{name}" for name in ("django", "system", "postgres"))
    labels = f"LABEL {LABEL}.run={names.RUN} {LABEL}.owner={names.OWNER}"
    path = "ENV PATH=/usr/sbin:/usr/bin"
    docker("import", "--change", labels, "--change", path, str(tools.django()), django)
    docker("import", "--change", labels, str(tools.postgres()), system)
    told = {"BASE": system, "BIN": tools.POSTGRES_BIN, "RUN": names.RUN, "OWNER": names.OWNER}
    legacy_build("-t", postgres, *(f"--build-arg={key}={value}" for key, value in told.items()), str(POSTGRES))
    return django, postgres


def as_it_is(source: Path) -> None:
    """Change nothing of the example."""


@dataclass
class SandMatch(ComposeApp):
    """The example in a folder of its own; nothing is started."""

    django: str = ""
    postgres: str = ""

    def __post_init__(self) -> None:
        shutil.copytree(EXAMPLE, self.folder, ignore=shutil.ignore_patterns("__pycache__"))
        for example in self.folder.glob("*.env.example"):
            example.rename(example.with_suffix(""))
        text = self.config.read_text()
        for theirs, ours in OWN.items():
            assert theirs in text, theirs
            text = text.replace(theirs, ours.format(name=self.name, port=self.port))
        self.config.write_text(text)
        self._command().write_text(f'#!/bin/sh\nexec "{sys.executable}" -m deploykit "$@"\n')
        self._command().chmod(0o755)

    def build(self, tag: str, change: Callable[[Path], None] = as_it_is) -> None:
        """Build a release by the example's own Dockerfile, after a change of its source, and push it."""
        reference = f"{self.images.repository}:{tag}"
        with tempfile.TemporaryDirectory(prefix="deploykit-sandmatch-") as folder:
            source = shutil.copytree(EXAMPLE, Path(folder, "source"), ignore=shutil.ignore_patterns("__pycache__"))
            change(source)
            label = f"--label={LABEL}.scope={self.images.scope}"
            legacy_build("-t", reference, f"--build-arg=BASE={self.django}", label, str(source))
        docker("push", "-q", reference)

    def script(self, *argv: str, tag: str = "") -> subprocess.CompletedProcess[str]:
        """Run `./deploy/deploy.sh`, from somewhere else, with the variables that the runbook names."""
        path = f"{self._command().parent}:{tools.PATHS}"
        told = {"WEB_IMAGE": self.images.repository, "PATH": path, "WEB_PORT": str(self.port)}
        told |= {"POSTGRES_IMAGE": self.postgres} | ({"WEB_IMAGE_TAG": tag} if tag else {})
        argv = (str(self.folder / "deploy" / "deploy.sh"), *argv)
        return subprocess.run(argv, cwd="/", env=clean(told), capture_output=True, text=True, timeout=120, check=False)

    def health(self) -> object:
        """What `/api/health/` says."""
        return json.loads(self.get("/api/health/").body)

    def courts(self) -> list[str]:
        """The courts in the database, as the app shows them."""
        return list(json.loads(self.get("/api/courts/").body)["courts"])

    def add_court(self, name: str) -> None:
        """Write a row by the app."""
        form = urllib.parse.urlencode({"name": name}).encode()
        urllib.request.urlopen(f"http://localhost:{self.port}/api/courts/", form, timeout=5).close()

    def serving(self) -> dict[str, str]:
        """The container of each service."""
        return {name: self.container(name).id for name in SERVICES}

    def tags(self) -> set[str]:
        """The versions that web and worker run."""
        return {self.container(name).image.partition("@")[0].rpartition(":")[2] for name in ("web", "worker")}

    def _command(self) -> Path:
        return self.folder / "deploy" / "deploykit"
