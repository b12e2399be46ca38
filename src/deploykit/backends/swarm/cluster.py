"""The swarm, asked and changed by one of its managers."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from deploykit.backends.engine.client import CHANGE_TIMEOUT, Engine, last_line, parse
from deploykit.backends.engine.runner import Completed, TimedOut
from deploykit.backends.swarm.service import Service
from deploykit.backends.swarm.tasks import Node, Nodes, Task
from deploykit.errors import EngineUnreachable, StepFailed
from deploykit.protocols import Control
from deploykit.redact import Redactor

STACK = "com.docker.stack.namespace"
_AWAY = re.compile(
    r"not a swarm manager|swarm does not have a leader|not part of a swarm|swarm is encrypted|not ready to accept"
    r"|rpc error: code = (unavailable|deadlineexceeded)|context deadline exceeded"
    r"|no elected cluster leader|node lost leader status|node is stopped",
    re.IGNORECASE,
)
_NO_SERVICE = re.compile(rb"no such service|service .* not found", re.IGNORECASE)
_TRIES = 5
_DETACH = "--detach"
_KNOWS_NO_DETACH = b"unknown flag: --detach"
"""What `stack deploy` says before Docker 26, which waits for nothing anyhow; a later one may, unless it is told."""
_LOGS = 5.0
"""Seconds for a node to tell what a task wrote."""
_ASK = "Is its leader alive? `docker node ls` tells."


@dataclass(frozen=True, slots=True)
class Cluster:
    """What all questions and changes go through. Everything raises EngineUnreachable where no manager answers."""

    engine: Engine

    def id(self) -> str:
        """Return the swarm's own lasting id."""
        said = self._info()
        found = str((said.get("Cluster") or {}).get("ID") or "")
        if said.get("ControlAvailable") and found:
            return found
        if said.get("LocalNodeState") == "active":
            hint = "Deploy from a manager, or name one: [backend] host or context."
            raise EngineUnreachable("this engine is a worker of its swarm: only a manager changes services", hint=hint)
        hint = "Make it one: `docker swarm init`; or name a manager: [backend] host or context."
        raise EngineUnreachable("this engine is not part of a swarm", hint=hint)

    def history(self) -> int:
        """Return how many tasks that have ended the swarm remembers of each place."""
        spec = (self._info().get("Cluster") or {}).get("Spec") or {}
        return int((spec.get("Orchestration") or {}).get("TaskHistoryRetentionLimit") or 0)

    def services(self, names: Mapping[str, str]) -> list[Service]:
        """Return those of the services that there are; `names` are what the config calls them, each with its own."""
        if not names:
            return []
        full = list(names.values())
        found = self.engine.either(
            lambda api: api.get(f"/services?{_filters(name=full)}"),
            lambda: self._inspected("service", full),
        )
        by_name = {str(one["Spec"]["Name"]): one for one in found}  # the filter takes parts of names too
        return [Service(short, by_name[name]) for short, name in names.items() if name in by_name]

    def stack(self, name: str) -> set[str]:
        """Return the names of all services of a stack."""
        args = ("service", "ls", "--filter", f"label={STACK}={name}", "--format", "{{.Name}}")
        return set(self.expect(self.engine.docker(*args), "docker service ls").text.split())

    def tasks(self, services: Sequence[Service]) -> list[Task]:
        """Return every task of these services that the swarm still remembers."""
        if not services:
            return []
        ids = [one.id for one in services]
        found = self.engine.either(lambda api: api.get(f"/tasks?{_filters(service=ids)}"), lambda: self._listed(ids))
        return list(map(Task, found))

    def task(self, named: str) -> Task | None:
        """Return a task, None when the swarm has forgotten it."""
        found = self._inspected("task", [named])
        return Task(found[0]) if found else None

    def nodes(self) -> Nodes:
        """Return the machines of the swarm."""
        found = self.engine.either(lambda api: api.get("/nodes"), self._nodes)
        return {str(one["ID"]): Node.of(one) for one in found}

    def change(
        self,
        control: Control,
        *args: str,
        variables: Mapping[str, str] = MappingProxyType({}),
        given: bytes | None = None,
        folder: Path | None = None,
    ) -> None:
        """Run a command that changes services, and that must work.

        The engine refuses one when a service has changed since the command read it, which its own update does too.
        """

        def changed() -> Completed:
            return self.engine.docker(
                *words,
                timeout=CHANGE_TIMEOUT,
                changes=True,
                control=control,
                variables=variables,
                given=given,
                folder=folder,
            )

        words = args
        if _KNOWS_NO_DETACH in (done := changed()).errors:
            words = tuple(one for one in args if one != _DETACH)
            done = changed()
        tries = 1
        while _is_out_of_sequence(done) and tries < _TRIES:
            tries += 1
            done = changed()
        self.expect(done, f"docker {args[0]} {args[1]}")

    def logs(self, task: Task, tail: int) -> str:
        """Return what a task wrote, wherever it ran."""
        try:
            done = self.engine.docker_within(_LOGS, "service", "logs", "--raw", "--tail", str(tail), task.id)
        except TimedOut:  # its node does not answer
            return ""
        return Redactor(task.environment).redact_bytes(done.output + done.errors) if done.code == 0 else ""

    def _info(self) -> Mapping[str, Any]:
        def told() -> dict[str, Any]:
            done = self.engine.docker("info", "--format", "{{json .Swarm}}")
            found: dict[str, Any] = json.loads(self.expect(done, "docker info").text or "{}")
            return found

        found: Mapping[str, Any] = self.engine.either(lambda api: api.get("/info")["Swarm"], told)
        if "LocalNodeState" not in found or not found["LocalNodeState"]:  # what the CLI writes when nobody answers it
            raise EngineUnreachable("the Docker engine does not say which swarm it is of", hint=_ASK)
        return found

    def _listed(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        done = self.expect(self.engine.docker("service", "ps", "--quiet", "--no-trunc", *ids), "docker service ps")
        return self._inspected("task", done.text.split())

    def _nodes(self) -> list[dict[str, Any]]:
        listed = self.expect(self.engine.docker("node", "ls", "--quiet"), "docker node ls").text.split()
        return self._inspected("node", listed)

    def _inspected(self, kind: str, names: Sequence[str]) -> list[dict[str, Any]]:
        """Return those that still are there."""
        if not names:
            return []
        done = self.engine.docker("inspect", f"--type={kind}", *names)
        found = parse(done.output)
        if len(found) < len(names) and b"no such" not in done.errors.lower() and not _NO_SERVICE.search(done.errors):
            self.expect(done, f"docker inspect --type={kind}")
        return found

    def expect(self, done: Completed, doing: str) -> Completed:
        """Return what succeeded; raise for what did not."""
        said = self.engine.redact.redact_bytes(done.errors[-4000:]).strip() if done.code else ""
        if away := no_manager(said):
            raise away
        return self.engine.expect(done, doing)


def no_manager(said: str) -> EngineUnreachable | None:
    """Return the error for what a swarm says that has nobody to answer; None for anything else."""
    if not _AWAY.search(said):
        return None
    return EngineUnreachable(f"the swarm has no manager that answers: {last_line(said)}", hint=_ASK)


def _is_out_of_sequence(done: Completed) -> bool:
    return done.code != 0 and b"update out of sequence" in done.errors.lower()


def _filters(**wanted: Sequence[str]) -> str:
    return urlencode({"filters": json.dumps(wanted)})


def no_progress(services: Sequence[Service], seconds: float) -> StepFailed:
    """Return the error for an update that the engine does not go on with."""
    names = " ".join(one.full_name for one in services) or "the stack"
    told = "; ".join(one.message for one in services if one.message)
    msg = f"the swarm made no task of {names} within {seconds:g}s" + (f": {told}" if told else "")
    return StepFailed(msg, hint=f"`docker service ps --no-trunc {names}` shows its tasks.")
