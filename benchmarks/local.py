"""An app without Docker: what deploykit itself costs shows best on the process backend."""

from __future__ import annotations

from benchmarks.contenders.deploykit import CLI
from benchmarks.timed import Timed, timed
from tests.e2e.support import ProcessApp, clean


class LocalApp(ProcessApp):
    """A process app, and deploykit timed on it."""

    def timed(self, *argv: str) -> Timed:
        """Run deploykit in the app's folder; it must succeed."""
        return timed([CLI, *argv], cwd=self.folder, env=clean()).must(0)
