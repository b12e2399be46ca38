"""What contenders on a Compose project share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from benchmarks.contenders.contract import Ended
from benchmarks.timed import Timed, timed
from tests.engine.support.project import PROJECT, clean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.contenders.contract import Budget
    from tests.engine.support.project import ComposeApp


@dataclass
class OnCompose:
    """One that replaces a service of a Compose project in place, by commands."""

    app: ComposeApp
    budget: Budget
    name: ClassVar[str]
    restores: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Write what it reads in the app's folder."""

    @property
    def port(self) -> int:
        return self.app.port

    @property
    def label(self) -> str:
        return f"{PROJECT}={self.app.name}"

    def version(self) -> str | None:
        return self.app.version()

    def clean(self) -> None:
        self.app.remove()

    def run(self, argv: Sequence[str], tag: str = "", **more: str) -> Timed:
        """Run a command in the app's folder, told the image as people do."""
        told: Mapping[str, str] = {"WEB_IMAGE": self.app.images.repository, "WEB_IMAGE_TAG": tag, **more}
        return timed(argv, cwd=self.app.folder, env=clean(told))


def ended(how: Timed) -> Ended:
    """Return the end of a command that tells nothing but its exit code."""
    return Ended(how, told_healthy=how.ended if how.code == 0 else None)


def in_turn(first: Timed, second: Timed) -> Timed:
    """Return two commands as one."""
    return replace(second, began=first.began, wall=second.ended - first.began, output=first.output + second.output)
