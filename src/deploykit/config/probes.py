"""The tables `[[health.probe]]`."""

from typing import ClassVar, Literal

from pydantic import ConfigDict, Field

from deploykit.config.values import Expected, FilePath, Program, Service, Statuses, Table


class HttpTable(Table):
    """A probe of type http; deploykit.probes.HttpProbe says what the keys mean, and checks them further."""

    type: Literal["http"]
    url: str | None = None
    port: int | None = None
    path: str = "/"
    method: str = "GET"
    headers: dict[str, str] = Field(default_factory=dict)
    timeout: float = 5.0
    status: Statuses | None = None
    require: Expected = Field(default_factory=dict)
    warn: Expected = Field(default_factory=dict)
    verify: bool = True
    ca_file: FilePath | None = None
    service: Service | None = None


class TcpTable(Table):
    """A probe of type tcp."""

    type: Literal["tcp"]
    port: int
    host: str | None = None
    timeout: float = 5.0
    service: Service | None = None


class ContainerTable(Table):
    """A probe of type container."""

    type: Literal["container"]
    service: Service | None = None


class CommandTable(Table):
    """A probe of type command."""

    type: Literal["command"]
    argv: Program
    timeout: float = 10.0
    service: Service | None = None


class PluggedProbeTable(Table):
    """A probe of a plug-in's type: what it does not know here are the plug-in's own keys."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="allow")

    type: str
    service: Service | None = None


ProbeTable = HttpTable | TcpTable | ContainerTable | CommandTable | PluggedProbeTable
PROBES: dict[str, type[HttpTable] | type[TcpTable] | type[ContainerTable] | type[CommandTable]] = {
    "http": HttpTable,
    "tcp": TcpTable,
    "container": ContainerTable,
    "command": CommandTable,
}
