"""An eye on containers through the engine's own events."""

import json
import os
import select
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any

from deploykit.backends.engine.runner import Command, spawned
from deploykit.errors import EngineUnreachable
from deploykit.protocols import Control
from deploykit.release import Instance

Inspect = Callable[[Sequence[str]], Sequence[Instance]]
"""Returns the release's own instances among these container ids."""
_ACTIONS = ("die", "oom", "start", "health_status", "destroy")


class DockerWatch:
    """Reads `docker events`, which tells within milliseconds, and an exit with its code.

    What `docker inspect` says of a container that Docker is about to start again is not to be trusted: it counts as
    running, and its exit code may be gone. So the exit code is taken from the event.
    """

    def __init__(self, command: Command, inspect: Inspect) -> None:
        self._command = command
        self._inspect = inspect
        self._stack = ExitStack()
        self._child: subprocess.Popen[bytes] | None = None
        self._rest = b""
        self._oom: set[str] = set()
        self._started: dict[str, float] = {}

    def __enter__(self) -> "DockerWatch":
        self._child = self._stack.enter_context(spawned(self._command, Control()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def wait(self, seconds: float) -> Sequence[Instance]:
        changed = [one for event in self._events(seconds) for one in self._told(event)]
        return tuple({one.id: one for one in changed}.values())

    def _events(self, seconds: float) -> list[dict[str, Any]]:
        assert self._child is not None  # noqa: S101 - entered
        assert self._child.stdout is not None  # noqa: S101 - a pipe
        ready, _, _ = select.select([self._child.stdout], [], [], max(seconds, 0))
        if not ready:
            return []
        chunk = os.read(self._child.stdout.fileno(), 1024 * 1024)
        if not chunk:
            raise EngineUnreachable("the Docker engine went away", hint="Is it alive? Try `docker info`.")
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return [json.loads(line) for line in lines if line.strip()]

    def _told(self, event: dict[str, Any]) -> Sequence[Instance]:
        action = str(event.get("status", "")).partition(":")[0]
        container, at = str(event.get("id", "")), float(event.get("timeNano", 0)) / 1e9
        if action not in _ACTIONS or action == "destroy":
            return ()
        if action == "start":
            self._started[container] = at
        if action == "oom":
            self._oom.add(container)
        found = self._inspect([container])
        return [self._died(one, event, at) for one in found] if action == "die" else found

    def _died(self, one: Instance, event: dict[str, Any], at: float) -> Instance:
        code = event.get("Actor", {}).get("Attributes", {}).get("exitCode")
        return replace(
            one,
            status="restarting" if one.status == "running" else one.status,
            exit_code=int(code) if code is not None else one.exit_code,
            oom_killed=one.oom_killed or one.id in self._oom,
            started_at=self._started.get(one.id, one.started_at),
            finished_at=at,
        )
