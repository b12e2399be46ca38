"""deploykit, as the command that people type."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from benchmarks.contenders.base import OnCompose
from benchmarks.contenders.contract import Ended

if TYPE_CHECKING:
    from collections.abc import Iterator

CLI = str(Path(sys.executable).with_name("deploykit"))


class Deploykit(OnCompose):
    """The `compose` backend, replacing in place."""

    name: ClassVar[str] = "deploykit"

    def __post_init__(self) -> None:
        self.app.write_config(health={"attempts": self.budget.attempts, "interval": self.budget.interval})

    def first(self, tag: str) -> Ended:
        return self.deploy(tag)

    def deploy(self, tag: str) -> Ended:
        return self.told("run", "--tag", tag, "--json")

    def back(self, tag: str) -> Ended:  # noqa: ARG002 - it knows
        return self.told("rollback", "--json")

    def told(self, *argv: str) -> Ended:
        """Run a verb, and tell when it told what."""
        how = self.run([CLI, *argv])
        events = [json.loads(line) for line in how.output.splitlines() if line.startswith("{")]
        looks = [event for event in events if event["event"] == "health.looked" and event["healthy"]]
        return Ended(how, _first(iter(looks)), _first(event for event in events if event["event"] == "step.failed"))


def _first(events: Iterator[dict[str, Any]]) -> float | None:
    event = next(events, None)
    return datetime.fromisoformat(event["at"]).timestamp() if event else None
