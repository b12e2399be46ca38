"""The tables of the config file, as design and docs name them."""

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator

from deploykit.config.container import ContainerKeys
from deploykit.config.values import (
    AppName,
    Arguments,
    Commands,
    ContainerName,
    FilePath,
    Image,
    Paths,
    Program,
    ProjectName,
    Seconds,
    Service,
    Services,
    Table,
    Url,
    Variable,
    problem,
)


class AppTable(Table):
    """`[app]`. `tag` is as it is written: its variables are filled in when it is needed."""

    name: AppName
    image: Image
    tag: str | None = None


class BackendTable(Table):
    """`[backend]`: what all types have."""

    strategy: Literal["recreate", "rolling"] = "recreate"
    rehearse: bool = False
    pull: Literal["always", "missing", "never"] = "always"


class EngineTable(BackendTable):
    """`[backend]`: what the types on a Docker engine have. Times are seconds."""

    pull_timeout: Seconds = 300.0
    release_command: Arguments = ()
    release_timeout: Seconds = 600.0
    parallelism: Annotated[int, Field(ge=0)] = 0
    drain: Annotated[float, Field(ge=0)] = 0.0
    pre_stop: Arguments = ()
    host: str | None = None
    context: str | None = None

    @model_validator(mode="after")
    def _one_engine(self) -> "EngineTable":
        if self.host is not None and self.context is not None:
            raise problem("give either host or context, not both")
        return self


class ComposeTable(EngineTable):
    """`[backend]` of type compose."""

    type: Literal["compose"]
    file: FilePath | None = None
    files: Paths | None = None
    services: Services
    image_env: Variable | None = None
    tag_env: Variable | None = None
    project: ProjectName | None = None
    recreate_services: Annotated[tuple[Service, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _consistent(self) -> "ComposeTable":
        if (self.file is None) == (self.files is None):
            raise problem("give either file or files", 'It looks like file = "docker-compose.yml".')
        if len(set(self.services)) < len(self.services):
            raise problem("services names one twice")
        return self

    @property
    def compose_files(self) -> tuple[str, ...]:
        return self.files or (self.file or "",)


class DockerTable(EngineTable, ContainerKeys):
    """`[backend]` of type docker."""

    type: Literal["docker"]
    service: Service = "app"
    adopt: ContainerName | None = None

    @property
    def services(self) -> tuple[str, ...]:
        return (self.service,)


class ProcessTable(BackendTable):
    """`[backend]` of type process."""

    type: Literal["process"]
    command: Program
    directory: FilePath = "releases/{tag}"
    environment: dict[str, str] = Field(default_factory=dict)
    stop_grace: Annotated[float, Field(ge=0)] = 10.0
    service: Service = "app"

    @property
    def services(self) -> tuple[str, ...]:
        return (self.service,)


class PluggedTable(BackendTable):
    """`[backend]` of a plug-in's type: what it does not know here are the plug-in's own keys."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="allow")

    type: str
    services: Services = ("app",)


class ObserverTable(Table):
    """`[[observer]]`: a plug-in, and its own keys."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="allow")

    type: str


class SwarmTable(BackendTable):
    """`[backend]` of type swarm: a service that is there, or a stack with its compose file. Times are seconds."""

    type: Literal["swarm"]
    service: Service | None = None
    stack: Service | None = None
    file: FilePath | None = None
    services: Services
    image_env: Variable | None = None
    tag_env: Variable | None = None
    order: Literal["start-first", "stop-first"] | None = None
    parallelism: Annotated[int, Field(ge=0)] | None = None
    delay: Annotated[float, Field(ge=0)] | None = None
    pull_timeout: Seconds = 300.0
    host: str | None = None
    context: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_kind(cls, said: object) -> object:
        if not isinstance(said, dict):
            return said
        if ("service" in said) == ("stack" in said):
            raise problem("give either service, or stack, file and services", 'It looks like service = "shop_web".')
        if "stack" in said:
            return said
        wrong = [name for name in ("file", "services", "image_env", "tag_env") if name in said]
        if wrong:
            raise problem(f"{', '.join(wrong)} and service do not go together", "A service is as it is: take it out.")
        return {**said, "services": [said["service"]]}

    @model_validator(mode="after")
    def _consistent(self) -> "SwarmTable":
        if self.stack is not None and self.file is None:
            raise problem("file is missing", 'It looks like file = "docker-compose.yml".')
        if len(set(self.services)) < len(self.services):
            raise problem("services names one twice")
        if self.host is not None and self.context is not None:
            raise problem("give either host or context, not both")
        return self


class HealthTable(Table):
    """`[health]`; its probes are tables of their own."""

    attempts: Annotated[int, Field(ge=1)] = 30
    interval: Seconds = 2.0
    stable_for: Annotated[float, Field(ge=0)] = 0.0
    max_restarts: Annotated[int, Field(ge=0)] = 0
    bake: Annotated[float, Field(ge=0)] = 0.0


class RollbackTable(Table):
    """`[rollback]`."""

    auto: bool = True
    previous_tag_file: FilePath = ".previous_image_tag"


class HooksTable(Table):
    """`[hooks]`: commands, and the seconds that each has."""

    before_start: Arguments = ()
    after_healthy: Arguments = ()
    after_rollback: Arguments = ()
    on_failure: Arguments = ()
    timeout: Seconds = 60.0


class NotifyTable(Table):
    """`[notify]`. The URL, and what the headers hold, are secrets."""

    url: Url | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    events: Literal["failures", "all"] = "failures"
    timeout: Seconds = 5.0

    @model_validator(mode="after")
    def _somewhere(self) -> "NotifyTable":
        if self.url is None and self.model_fields_set:
            raise problem("url is missing", 'It looks like url = "${NOTIFY_URL}".')
        return self


class CheckTable(Table):
    """`[check]`: commands, and the seconds that each has."""

    commands: Commands = ()
    timeout: Seconds = 60.0


class StateTable(Table):
    """`[state]`. `store` is said for a remote engine, and where several machines deploy. `lease` is in seconds."""

    dir: FilePath = ".deploykit"
    store: Literal["local", "engine"] | None = None
    group: Annotated[str, Field(min_length=1)] | None = None
    lease: Annotated[float, Field(ge=5)] = 30.0
    keep: Annotated[int, Field(ge=1)] = 10


Backend = ComposeTable | DockerTable | ProcessTable | SwarmTable | PluggedTable
BACKENDS: dict[str, type[ComposeTable] | type[DockerTable] | type[ProcessTable] | type[SwarmTable]] = {
    "compose": ComposeTable,
    "docker": DockerTable,
    "process": ProcessTable,
    "swarm": SwarmTable,
}
