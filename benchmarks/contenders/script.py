"""The script that deploykit replaces."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from benchmarks.contenders.base import OnCompose, ended

if TYPE_CHECKING:
    from benchmarks.contenders.contract import Ended

SCRIPT = Path(__file__).parent.parent / "deploy.sh"


class Script(OnCompose):
    """`deploy.sh`, told by its environment as people tell it."""

    name: ClassVar[str] = "deploy.sh"

    def first(self, tag: str) -> Ended:
        return self.deploy(tag)

    def deploy(self, tag: str) -> Ended:
        return self._script(tag)

    def back(self, tag: str) -> Ended:
        return self._script(tag, "rollback")

    def _script(self, tag: str, *argv: str) -> Ended:
        settings = {
            "HEALTH_URL": f"http://127.0.0.1:{self.port}/api/health/",
            "MAX_ATTEMPTS": str(self.budget.attempts),
            "SLEEP_SECS": f"{self.budget.interval:g}",
        }
        return ended(self.run([str(SCRIPT), *argv], tag, **settings))
