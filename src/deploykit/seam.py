"""Where a test puts a fake under every app of this process, threads too. Nothing is there but in tests."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # the command asks whether there is a fake before it imports all that
    from deploykit.release import ImageRef
    from deploykit.session import Parts


class Stage(Protocol):
    """What stands in for the world: deploykit.testing has one."""

    def config(self, path: Path, target: str | None, environment: Mapping[str, str]) -> tuple[Path, Mapping[str, str]]:
        """Return the config file to read in place of `path`, and the variables to fill in."""
        ...

    def parts(self, app: str, image: "ImageRef", own: "Parts", *, told: bool) -> "Parts":
        """Return what the app is made of meanwhile. `told`: its observers are the caller's own, so they hear of it."""
        ...


_stages: list[Stage] = []


def current() -> Stage | None:
    """Return what stands in for the world now; None: nothing."""
    return _stages[-1] if _stages else None


def put(stage: Stage) -> None:
    """Let it stand in for the world, until it is taken away.

    Raises:
        RuntimeError: something does already.
    """
    if _stages:
        raise RuntimeError("a fake is under deploykit already; use that one")
    _stages.append(stage)


def take_away(stage: Stage) -> None:
    """Let the world be the world again."""
    _stages.remove(stage)
