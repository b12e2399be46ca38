"""Ways to get at what runs, by hand."""

from collections.abc import Sequence

from deploykit.backends.engine.backend import attached, log_options
from deploykit.backends.engine.client import Engine
from deploykit.backends.swarm.service import Service
from deploykit.backends.swarm.tasks import Task
from deploykit.errors import ConfigError
from deploykit.protocols import Program


def exec_program(
    engine: Engine, living: Sequence[Task], service: str, argv: Sequence[str], *, terminal: bool
) -> Program:
    """Return what runs a command in the newest task of a service that runs on the node that is asked."""
    newest = sorted(living, key=lambda one: one.created, reverse=True)
    here = [one.id for one in engine.inspect([task.container for task in newest if task.container])]
    if not here:
        msg = f"no task of {service} runs on the node that is asked"
        raise ConfigError(msg, hint="`deploykit ps` shows where they run: go there, or name one by DOCKER_HOST.")
    return engine.program("exec", *attached(terminal=terminal), here[0], *argv)


def logs_program(engine: Engine, service: Service, *, follow: bool, tail: int | None) -> Program:
    """Return what shows the log of a service, whichever nodes it runs on."""
    return engine.program("service", "logs", *log_options(follow=follow, tail=tail), service.full_name)
