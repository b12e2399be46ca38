"""What a run on a real engine has around it: engine, registry, a name for all that it makes. Nothing of it stays."""

from __future__ import annotations

import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from scripts import engine, tools
from scripts.commands import CommandFailed
from scripts.registry import OwnRegistry
from scripts.sweep import sweep, sweep_images

if TYPE_CHECKING:
    from contextlib import ExitStack
    from types import FrameType


class Missing(Exception):
    """There is no engine, or no registry, and none is to be had; the text says why."""


def provide(stack: ExitStack, run: str) -> OwnRegistry:
    """Set up an engine and a registry until the stack closes; what carries the run's name is then removed."""
    try:
        if engine.up():
            stack.callback(engine.down)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="deploykit-registry-")))
        registry = OwnRegistry.create(folder, tools.registry())
    except (engine.NoEngine, RuntimeError) as error:
        raise Missing(str(error)) from error
    stack.callback(registry.stop)
    stack.callback(_sweep, run)
    return registry


def _sweep(run: str) -> None:
    try:
        sweep(run)
        sweep_images("run", run)
    except CommandFailed as error:
        print(f"sweep: {error}", flush=True)


def end_on_signals() -> None:
    """Make SIGINT and SIGTERM leave by the same doors as an error; only the first of them counts."""

    def leave(number: int, _: FrameType | None) -> NoReturn:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        raise SystemExit(128 + number)

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, leave)
