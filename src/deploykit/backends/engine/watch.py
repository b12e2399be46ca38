"""An eye on containers through the engine's own events."""

import json
import os
import select
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

from deploykit.backends.engine.runner import Command, spawned
from deploykit.errors import EngineUnreachable
from deploykit.protocols import Control
from deploykit.release import Instance

Inspect = Callable[[Sequence[str]], Sequence[Instance]]
"""Returns the release's own instances among these container ids."""
Recognise = Callable[[str, Mapping[str, str]], str | None]
"""Returns the service of a container, given its id and labels; None when these do not say that it is the release's."""
_ACTIONS = ("die", "oom", "start", "health_status")


class DockerWatch:
    """Reads `docker events`, which tells within milliseconds, and an exit with its code.

    What `docker inspect` says of a container that Docker is about to start again is not to be trusted: it counts as
    running, and its exit code may be gone; and it is slow to answer meanwhile. So a death is told by the event alone,
    where the container's labels, which stand in it, say whose it is.
    """

    def __init__(self, command: Command, inspect: Inspect, recognise: Recognise = lambda *_: None) -> None:
        self._command = command
        self._inspect = inspect
        self._recognise = recognise
        self._stack = ExitStack()
        self._child: subprocess.Popen[bytes] | None = None
        self._rest = b""
        self._oom: set[str] = set()
        self._started: dict[str, float] = {}
        self._deaths: dict[str, _Death] = {}

    def __enter__(self) -> "DockerWatch":
        self._child = self._stack.enter_context(spawned(self._command, Control()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def wait(self, seconds: float) -> Sequence[Instance]:
        events = [event for event in self._events(seconds) if _action(event) in _ACTIONS]
        for event in events:
            self._note(event)
        died = {one.id: one for one in map(self._died, events) if one}
        if died:
            return tuple(died.values())
        # One question for all of them: a container that crashes over and over tells more than can be asked one by one.
        found = self._inspect(list(dict.fromkeys(_container(event) for event in events)))
        deaths = {_container(event) for event in events if _action(event) == "die"}
        return tuple(self._deaths[one.id].told_of(one) if one.id in deaths else one for one in found)

    def _died(self, event: dict[str, Any]) -> Instance | None:
        """Return who has died by the event alone: the engine may be slow to answer while it starts it again."""
        attributes = event.get("Actor", {}).get("Attributes", {})
        service = self._recognise(_container(event), attributes) if _action(event) == "die" else None
        if service is None:
            return None
        one = Instance(_container(event), service, "exited", name=attributes.get("name", ""))
        return self._deaths[one.id].told_of(one)

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

    def _note(self, event: dict[str, Any]) -> None:
        container, at = _container(event), float(event.get("timeNano", 0)) / 1e9
        match _action(event):
            case "start":
                self._started[container] = at
                if death := self._deaths.get(container):
                    self._deaths[container] = replace(death, started_again=True)
            case "oom":
                self._oom.add(container)
            case "die":
                code = event.get("Actor", {}).get("Attributes", {}).get("exitCode")
                code = None if code is None else int(code)
                self._deaths[container] = _Death(code, self._started.get(container), at, container in self._oom)
            case _:
                pass


@dataclass(frozen=True, slots=True)
class _Death:
    """A container's last death, by the engine's events; times are seconds since the epoch."""

    code: int | None
    started_at: float | None
    at: float
    oom_killed: bool
    started_again: bool = False

    def told_of(self, one: Instance) -> Instance:
        """Return the instance as one that has died so."""
        status = "restarting" if one.status == "running" and not self.started_again else one.status
        return replace(
            one,
            status=status,
            exit_code=one.exit_code if self.code is None else self.code,
            oom_killed=one.oom_killed or self.oom_killed,
            started_at=self.started_at or one.started_at,
            finished_at=self.at,
        )


def _action(event: dict[str, Any]) -> str:
    return str(event.get("status", "")).partition(":")[0]


def _container(event: dict[str, Any]) -> str:
    return str(event.get("id", ""))
