"""Compose alone: what a team without a script types."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from benchmarks.contenders.base import OnCompose, ended, in_turn

if TYPE_CHECKING:
    from benchmarks.contenders.contract import Ended


class ComposeUp(OnCompose):
    """`docker compose pull` and `up -d --wait`; it waits for the health check of the compose file."""

    name: ClassVar[str] = "compose up"
    restores: ClassVar[bool] = False

    def first(self, tag: str) -> Ended:
        return self.deploy(tag)

    def deploy(self, tag: str) -> Ended:
        compose = ["docker", "compose", "-f", self.app.compose_file.name]
        pulled = self.run([*compose, "pull", "-q"], tag).must(0)
        wait = ["--wait", "--wait-timeout", f"{self.budget.seconds:g}"]
        return ended(in_turn(pulled, self.run([*compose, "up", "-d", *wait], tag)))

    def back(self, tag: str) -> Ended:
        return self.deploy(tag)
