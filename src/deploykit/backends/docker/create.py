"""The command that makes a container. What is secret stands in no argv: that is anybody's to read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploykit.backends.docker.settings import BUILT_IN_NETWORKS, ContainerSettings, Healthcheck
from deploykit.disk import write_private

_LONGEST_LINE = 8192
"""Characters of a value that docker is given in a line of a file: it reads none of more than 64 KiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One container to make. `networks` are those it is to be in, each with its aliases there; the first comes at once.

    A one-off publishes no port, and is not started again. `argv` replaces the command.
    """

    name: str
    image: str
    settings: ContainerSettings
    labels: Mapping[str, str]
    networks: Mapping[str, Sequence[str]]
    one_off: bool = False
    argv: Sequence[str] = field(default=())


def create_args(recipe: Recipe, scratch: Path) -> list[str]:
    """Return the arguments of docker; `scratch` is a file for the environment, of which `lines_of` cannot say all."""
    settings = recipe.settings
    write_private(scratch, _env_lines(settings).encode())
    entrypoint, *before = settings.entrypoint or ("",)
    command = tuple(recipe.argv) or settings.command or ()
    options = [f"--name={recipe.name}", "--pull=never", f"--env-file={scratch}", *_options(recipe)]
    if settings.entrypoint is not None:
        options.append(f"--entrypoint={entrypoint}")
    return ["create", *options, recipe.image, *before, *command]


def variables_of_lines(settings: ContainerSettings) -> dict[str, str]:
    """Return the variables that are no line of a file to docker: it takes these from its own environment."""
    return {name: value or "" for name, value in settings.environment.items() if not _is_line(value or "")}


def _env_lines(settings: ContainerSettings) -> str:
    lines = ((name, value or "") for name, value in settings.environment.items() if _is_line(value or ""))
    return "".join(f"{name}={value}\n" for name, value in lines)


def _is_line(value: str) -> bool:
    return len(value) < _LONGEST_LINE and not {"\n", "\r"} & set(value)


def _options(recipe: Recipe) -> Iterator[str]:
    settings = recipe.settings
    yield from (f"--label={name}={value}" for name, value in {**settings.labels, **recipe.labels}.items())
    yield from (f"--env={name}" for name in variables_of_lines(settings))
    yield from (f"--volume={volume}" for volume in settings.volumes)
    yield from (f"--add-host={host}" for host in settings.extra_hosts)
    yield from _network(recipe)
    yield f"--restart={'no' if recipe.one_off else settings.restart}"
    if not recipe.one_off:
        yield from (f"--publish={port}" for port in settings.ports)
    said = {
        "user": settings.user,
        "memory": settings.mem_limit,
        "cpus": settings.cpus,
        "stop-timeout": settings.stop_grace_period,
        "log-driver": settings.logging_driver,
    }
    yield from (f"--{name}={value}" for name, value in said.items() if value is not None)
    yield from (f"--log-opt={name}={value}" for name, value in settings.logging_options.items())
    if settings.healthcheck:
        yield from _healthcheck(settings.healthcheck)


def _network(recipe: Recipe) -> Iterator[str]:
    name, aliases = next(iter(recipe.networks.items()))
    yield f"--network={name}"
    if name not in BUILT_IN_NETWORKS:
        yield from (f"--network-alias={alias}" for alias in aliases)


def _healthcheck(check: Healthcheck) -> Iterator[str]:
    if check.disable:
        yield "--no-healthcheck"
        return
    said = {
        "cmd": check.test,
        "interval": check.interval,
        "timeout": check.timeout,
        "start-period": check.start_period,
        "retries": check.retries,
    }
    yield from (f"--health-{name}={value}" for name, value in said.items() if value is not None)
