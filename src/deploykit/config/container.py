"""The keys of `[backend]` that say what a container is made with: named, and written, as in a compose file."""

import re
import shlex
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from deploykit.config.values import FilePath, Table, problem

_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:us|ms|s|m|h))+", re.ASCII)
_UNIT = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h)", re.ASCII)
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PORT = re.compile(r"(?:(?:\[[0-9a-fA-F:]+\]|[\d.]+):)?(?:\d+(?:-\d+)?:)?\d+(?:-\d+)?(?:/(?:tcp|udp|sctp))?", re.ASCII)
_VOLUME = re.compile(r"(?:[^:]+:)?/[^:]*(?::[a-zA-Z,]+)?")
_NETWORK = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*", re.ASCII)
_HOST = re.compile(r"[^\s:=]+:\S+")
_VARIABLE = re.compile(r"[^\s=#\0][^\s=\0]*")
_RESTART = re.compile(r"no|always|unless-stopped|on-failure(?::\d+)?")
_MEMORY = re.compile(r"\d+[bkmg]?b?", re.ASCII | re.IGNORECASE)
_IN_SHELL = "CMD-SHELL"


def _words(value: object) -> object:
    """Take a text for a command line, as Compose does."""
    if not isinstance(value, str):
        return value
    try:
        return shlex.split(value)
    except ValueError as error:
        raise problem(f"not a command: {error}") from error


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _texts(value: object) -> object:
    """Write numbers as texts: TOML has them where a compose file has texts."""
    return [str(one) if type(one) is int else one for one in value] if isinstance(value, list) else value


def _pairs(value: object) -> object:
    """Take a list of NAME=VALUE for a table; a name alone has no value."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        split = (one.partition("=") for one in value)
        return {name: text if equals else None for name, equals, text in split}
    return {name: _text(one) for name, one in value.items()} if isinstance(value, dict) else value


def _variables(value: dict[str, str | None]) -> dict[str, str | None]:
    for name, text in value.items():
        if not _VARIABLE.fullmatch(name) or "\0" in (text or ""):
            raise problem(f"not a variable: {name[:80]!r}", "It looks like NAME, or NAME=VALUE.")
    return value


def _text(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def _hosts(value: object) -> object:
    return [f"{name}:{address}" for name, address in value.items()] if isinstance(value, dict) else value


def _named(value: object) -> object:
    """Take a list of networks for a table: nothing more is said of them."""
    return {str(name): {} for name in value} if isinstance(value, list) else value


def _duration(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return f"{value:g}s"
    if isinstance(value, str) and _DURATION.fullmatch(value):
        return value
    raise problem(f"not a duration: {value!r}", 'It looks like "30s" or "1m30s", or is a number of seconds.')


def _whole_seconds(value: object) -> object:
    text = str(_duration(value))
    return max(round(sum(float(number) * _SECONDS[unit] for number, unit in _UNIT.findall(text))), 0)


def _matching(pattern: re.Pattern[str], what: str, hint: str) -> BeforeValidator:
    def check(value: object) -> object:
        if isinstance(value, str) and not pattern.fullmatch(value):
            raise problem(f"not {what}: {value[:80]!r}", hint)
        return value

    return BeforeValidator(check)


def fixed_port(port: str) -> bool:
    """Whether it takes one port of this machine, which no two containers can have."""
    mapping = re.sub(r"^\[[^]]*\]", "", port).partition("/")[0].split(":")
    published = mapping[-2] if len(mapping) > 1 else ""
    return published.isdigit()


def shared_writable(volume: str) -> bool:
    """Whether a volume has a source, and is written to."""
    source, colon, rest = volume.partition(":")
    return bool(source and colon) and "ro" not in rest.partition(":")[2].split(",")


Words = Annotated[tuple[str, ...], BeforeValidator(_words), Field(strict=False)]
Pairs = Annotated[dict[str, str | None], BeforeValidator(_pairs), AfterValidator(_variables)]
Texts = Annotated[dict[str, str], BeforeValidator(_pairs)]
Duration = Annotated[str, BeforeValidator(_duration)]
Port = Annotated[str, _matching(_PORT, "a port", 'It looks like "8000:8000", "127.0.0.1:8000:8000" or "8000".')]
Volume = Annotated[str, _matching(_VOLUME, "a volume", 'It looks like "./data:/data" or "data:/data:ro".')]
Host = Annotated[str, _matching(_HOST, "a host and its address", 'It looks like "db:10.0.0.5".')]
Restart = Annotated[str, _matching(_RESTART, "a restart policy", "It is no, always, unless-stopped or on-failure[:N].")]
Memory = Annotated[str, BeforeValidator(_text), _matching(_MEMORY, "an amount of memory", 'It looks like "512m".')]


class NetworkTable(Table):
    """`[backend.networks.NAME]`. `aliases`, when they are not said, are the app's name."""

    aliases: Annotated[tuple[str, ...], Field(strict=False)] | None = None


class HealthcheckTable(Table):
    """`[backend.healthcheck]`."""

    test: Any = None
    disable: bool = False
    interval: Duration | None = None
    timeout: Duration | None = None
    start_period: Duration | None = None
    retries: Annotated[int, Field(ge=1)] | None = None

    @property
    def command(self) -> str | None:
        """The test as a shell command, which is all that docker takes."""
        match self.test:
            case [str(kind), str(command)] if kind == _IN_SHELL:
                return command
            case ["CMD", *words]:
                return shlex.join(words)
            case str(command):
                return command
            case _:
                return None

    @property
    def off(self) -> bool:
        """Whether there is to be none, not even the image's."""
        return self.disable or self.test == ["NONE"]

    @model_validator(mode="after")
    def _readable(self) -> "HealthcheckTable":
        words = self.test if isinstance(self.test, list) else [self.test]
        if not all(isinstance(one, str) for one in words if one is not None):
            raise problem("test is a text, or a list of texts", 'It looks like ["CMD", "curl", "-f", "localhost"].')
        if self.test is not None and self.command is None and not self.off:
            raise problem("test starts with none of CMD, CMD-SHELL and NONE")
        return self


class LoggingTable(Table):
    """`[backend.logging]`."""

    driver: str | None = None
    options: Texts = Field(default_factory=dict)


class ContainerKeys(Table):
    """What `[backend]` of type docker has, named as in a compose file."""

    replicas: Annotated[int, Field(ge=1)] = 1
    ports: Annotated[tuple[Port, ...], BeforeValidator(_texts), Field(strict=False)] = ()
    environment: Pairs = Field(default_factory=dict)
    env_file: Annotated[tuple[FilePath, ...], BeforeValidator(_listed), Field(strict=False)] = ()
    volumes: Annotated[tuple[Volume, ...], Field(strict=False)] = ()
    networks: Annotated[dict[str, NetworkTable], BeforeValidator(_named)] = Field(default_factory=dict)
    command: Words | None = None
    entrypoint: Words | None = None
    user: Annotated[str, BeforeValidator(_text)] | None = None
    labels: Texts = Field(default_factory=dict)
    restart: Restart = "unless-stopped"
    healthcheck: HealthcheckTable | None = None
    mem_limit: Memory | None = None
    cpus: Annotated[float, Field(gt=0)] | None = None
    stop_grace_period: Annotated[int, BeforeValidator(_whole_seconds)] | None = None
    extra_hosts: Annotated[tuple[Host, ...], BeforeValidator(_hosts), Field(strict=False)] = ()
    logging: LoggingTable | None = None

    @model_validator(mode="after")
    def _names(self) -> "ContainerKeys":
        for name in self.networks:
            if not _NETWORK.fullmatch(name):
                raise problem(f"not a network's name: {name!r}")
        return self
