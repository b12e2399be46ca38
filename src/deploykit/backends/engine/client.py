"""The Docker engine behind its CLI: Compose's argv by python-on-whales, all run through our own door."""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from shutil import which
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from deploykit.backends.engine.advice import advice
from deploykit.backends.engine.api import Api, NotThere
from deploykit.backends.engine.containers import Container
from deploykit.backends.engine.door import Door, Unusable
from deploykit.backends.engine.line import DIAL, at_socket, local_socket, through
from deploykit.backends.engine.runner import Command, Completed, TimedOut, run
from deploykit.errors import EngineUnreachable, StepFailed
from deploykit.protocols import Control, Program
from deploykit.redact import Redactor

if TYPE_CHECKING:
    from python_on_whales import DockerClient

T = TypeVar("T")

QUERY_TIMEOUT = 10.0
"""Seconds for an engine to answer a question."""
_ASK = "Is it alive? Try `docker info`."
CHANGE_TIMEOUT = 600.0
"""Seconds for a command that changes containers: far beyond any grace period, only a hanging engine takes as long."""
_ANSWER = 128 * 1024 * 1024
"""Bytes of an answer that is read as a whole: a container is told in some 10 KB, and there may be a thousand."""
_INHERITED = re.compile(
    r"PATH|HOME|USER|LOGNAME|TMPDIR|LANG|LC_.*|TZ|XDG_.*|SSH_.*|SSL_.*|DOCKER_.*|(HTTPS?|NO|ALL|FTP)_PROXY",
    re.IGNORECASE,
)
_UNREACHABLE = re.compile(
    r"cannot connect to the docker daemon|error during connect|is the docker daemon running"
    r"|permission denied while trying to connect to the docker daemon|docker\.sock: .*(no such file|permission denied)"
    r"|unable to (resolve docker endpoint|parse docker host)",
    re.IGNORECASE,
)
# Without the plug-in, docker takes Compose's options for its own.
_NO_COMPOSE = re.compile(
    r"unknown command: docker compose|'compose' is not a docker command"
    r"|unknown (shorthand )?flag: .*\s+(Usage:\s+docker \[OPTIONS\]|See 'docker --help')",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ComposeScope:
    """Which Compose project a command is about."""

    files: tuple[Path | str, ...]
    directory: Path
    name: str | None = None
    env_files: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Engine:
    """One Docker engine, named by `host` or `context`, or the CLI's own default."""

    host: str | None = None
    context: str | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)

    @cached_property
    def base_environment(self) -> dict[str, str]:
        """What every command gets: how to reach the engine, and nothing that a compose file could interpolate."""
        return {name: value for name, value in self.environment.items() if _INHERITED.fullmatch(name)}

    @cached_property
    def redact(self) -> Redactor:
        """Blanks out the secrets of this process's own environment."""
        return Redactor(self.environment)

    def docker(
        self,
        *args: str,
        timeout: float = QUERY_TIMEOUT,
        changes: bool = False,
        control: Control | None = None,
        variables: Mapping[str, str] = MappingProxyType({}),
        given: bytes | None = None,
        folder: Path | None = None,
    ) -> Completed:
        """Run `docker ARGS`; the caller looks at the code. One that does not end in time is EngineUnreachable.

        `variables` are for what docker takes over from its own environment; `given` is what it reads, in `folder`.
        """
        command = self._command(args, timeout, variables, changes=changes)
        return self._run(replace(command, input=given, folder=folder, kept=_ANSWER), control)

    def docker_within(
        self, timeout: float, *args: str, control: Control | None = None, terminal: bool = False
    ) -> Completed:
        """Run `docker ARGS` where the time that it takes is not the engine's own. Raises TimedOut.

        `terminal`: as if at one, where docker tells sizes.
        """
        return self._checked(run(replace(self._command(args, timeout), terminal=terminal), control))

    def compose(
        self,
        scope: ComposeScope,
        *args: str,
        variables: Mapping[str, str],
        timeout: float = QUERY_TIMEOUT,
        changes: bool = False,
        control: Control | None = None,
        model: bytes | None = None,
    ) -> Completed:
        """Run `docker compose ARGS` on a project, with `variables` for its interpolation; `model` is the file `-`."""
        return self._run(self._compose_command(scope, args, timeout, variables, model, changes=changes), control)

    def read(
        self, scope: ComposeScope, *args: str, variables: Mapping[str, str], model: bytes | None = None
    ) -> Completed:
        """Run `docker compose ARGS`, which only reads files, as `compose` would.

        It comes first, and its words are put together here: what does that for all other commands takes as long to be
        imported as Compose to read the files, and is, meanwhile.
        """
        argv = (_program(), *self._endpoint, "compose", *_scope_words(scope), *args)
        return self._run(Command(argv, QUERY_TIMEOUT, {**self.base_environment, **variables}, model), None)

    def make_ready(self) -> None:
        """Import what the commands to come need, while others are waited for."""
        # Never in a thread that the end of the process may cut: what is compiled in it would abort the process.
        self._client()

    @property
    def _endpoint(self) -> list[str]:
        named = {"--context": self.context, "--host": self.host}
        return [word for name, value in named.items() if value is not None for word in (name, value)]

    def compose_within(
        self,
        timeout: float,
        scope: ComposeScope,
        *args: str,
        variables: Mapping[str, str],
        control: Control | None = None,
    ) -> Completed:
        """Run `docker compose ARGS` where the time that it takes is not the engine's own. Raises TimedOut."""
        return self._checked(run(self._compose_command(scope, args, timeout, variables), control))

    def ask(self, *args: str) -> str:
        """Run a query that must work, and return what it wrote."""
        return self.expect(self.docker(*args), f"docker {args[0]}").text

    def expect(self, done: Completed, doing: str) -> Completed:
        """Return what succeeded; raise StepFailed, in the engine's own words, for what did not."""
        if done.code != 0:
            detail = self.redact.redact_bytes(done.errors[-4000:]).strip()
            raise StepFailed(f"{doing} failed: {last_line(detail)}", detail=detail, hint=advice(detail))
        return done

    def id(self) -> str:
        """Return the engine's own lasting id."""
        found = self.either(Api.id, lambda: self.ask("info", "--format", "{{.ID}}").strip())
        if not found:  # `docker info` says what it knows, and exits 0, when the engine answers nothing
            raise EngineUnreachable("the Docker engine does not say which it is", hint=_ASK)
        return found

    def containers(self, labels: Mapping[str, str]) -> list[Container]:
        """Return every container with these labels, in whatever state."""
        return self.inspect(self.ids(labels))

    def ids(self, labels: Mapping[str, str]) -> list[str]:
        """Return their ids: told at once, as their names are."""
        return self.either(
            lambda api: [found for found, _ in api.containers(labels)],
            lambda: self.ask("ps", "--all", "--quiet", "--no-trunc", *_filters(labels)).split(),
        )

    def names(self, labels: Mapping[str, str]) -> list[str]:
        """Return their names: told at once also while the engine starts or stops one of them."""
        return self.either(
            lambda api: [name for _, name in api.containers(labels)],
            lambda: self.ask("ps", "--all", "--format", "{{.Names}}", *_filters(labels)).split(),
        )

    def inspect(self, ids: Sequence[str]) -> list[Container]:
        """Return those of the containers that still are there."""
        if not ids:
            return []
        found = self.either(
            lambda api: [one for named in ids if (one := _there(api.container, named))], lambda: self._inspected(ids)
        )
        return list(map(Container, found))

    def _inspected(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        done = self.docker("container", "inspect", *ids)
        found = parse(done.output)
        if len(found) < len(ids) and b"No such" not in done.errors:
            self.expect(done, "docker container inspect")
        return found

    def image(self, reference: str) -> dict[str, Any] | None:
        """Return what the engine knows of an image, None when it has none of that name."""

        def inspected() -> dict[str, Any] | None:
            done = self.docker("image", "inspect", reference)
            if done.code != 0 and b"No such image" in done.errors:
                return None
            return parse(self.expect(done, "docker image inspect").output)[0]

        return self.either(lambda api: _there(api.image, reference), inspected)

    def tag(self, image: str, name: str, doing: str) -> None:
        """Give an image one more name; `doing` says what for when it cannot be done."""

        def tagged() -> None:
            self.expect(self.docker("tag", image, name), doing)

        self.either(lambda api: api.tag(image, name), tagged)

    def untag(self, name: str) -> None:
        """Take a name off an image."""

        def untagged() -> None:
            self.expect(self.docker("rmi", "--no-prune", name), "docker rmi")

        self.either(lambda api: api.untag(name), untagged)

    def has_containers_of(self, image: str) -> bool:
        """Whether any container, of whoever it be and in whatever state, was made of an image, or of a child of it."""
        return bool(self.ask("ps", "--all", "--quiet", "--filter", f"ancestor={image}").split())

    def networks(self) -> list[str]:
        """Return the names of all networks."""
        return self.either(Api.networks, lambda: self.ask("network", "ls", "--format", "{{.Name}}").split())

    def change(self, control: Control, *args: str, variables: Mapping[str, str] = MappingProxyType({})) -> Completed:
        """Run a command that changes what serves, and that must work."""
        done = self.docker(*args, timeout=CHANGE_TIMEOUT, changes=True, control=control, variables=variables)
        return self.expect(done, f"docker {args[0]}")

    def events_command(self, since: float, *filters: str) -> Command:
        """Return the command that tells events as they happen, one JSON object a line; it has no limit of time."""
        chosen = [arg for one in ("type=container", *filters) for arg in ("--filter", one)]
        return self._command(("events", "--since", f"{since:.6f}", "--format", "{{json .}}", *chosen), float("inf"))

    def execute(self, container: str, argv: Sequence[str], timeout: float) -> Completed:
        """Run a command inside a container. Raises StepFailed when it does not end in time."""
        try:
            return self.docker_within(timeout, "exec", container, *argv)
        except TimedOut as error:
            raise StepFailed(f"{argv[0]} did not end within {timeout:g}s") from error

    @property
    def is_local(self) -> bool:
        """Whether it is reached by a socket of this machine."""
        return self._socket is not None

    @cached_property
    def _socket(self) -> str | None:
        return local_socket(self.host, self.context, self.environment)

    @cached_property
    def door(self) -> Door:
        """The door to its HTTP API; where it is elsewhere, through the CLI."""
        return Door(at_socket(self._socket) if self._socket else through(self.program(*DIAL)))

    @cached_property
    def _api(self) -> Api:
        return Api(self.door, QUERY_TIMEOUT)

    def either(self, ask: Callable[[Api], T], otherwise: Callable[[], T]) -> T:
        """Ask over the engine's API, where a thousand are told at once; the CLI where that does not help."""
        try:
            return ask(self._api)
        except TimedOut as error:
            raise _silent(QUERY_TIMEOUT) from error
        except (Unusable, NotThere):
            return otherwise()

    def _run(self, command: Command, control: Control | None) -> Completed:
        try:
            done = run(command, control)
        except TimedOut as error:
            raise _silent(command.timeout) from error
        return self._checked(done)

    def _command(
        self,
        args: Sequence[str],
        timeout: float,
        variables: Mapping[str, str] = MappingProxyType({}),
        *,
        changes: bool = False,
    ) -> Command:
        argv = (_program(), *self._endpoint, *args)
        return Command(argv, timeout, {**self.base_environment, **variables}, changes=changes)

    def program(self, *args: str, variables: Mapping[str, str] = MappingProxyType({})) -> Program:
        """Return `docker ARGS`, to be run in place of this process."""
        command = self._command(args, 0, variables)
        return Program(command.argv, {**command.environment, **self._of_terminal})

    def compose_program(self, scope: ComposeScope, *args: str, variables: Mapping[str, str]) -> Program:
        """Return `docker compose ARGS` on a project, to be run in place of this process."""
        command = self._compose_command(scope, args, 0, variables)
        return Program(command.argv, {**command.environment, **self._of_terminal})

    @property
    def _of_terminal(self) -> dict[str, str]:
        return {name: self.environment[name] for name in ("TERM", "COLORTERM", "NO_COLOR") if name in self.environment}

    def _compose_command(
        self,
        scope: ComposeScope,
        args: Sequence[str],
        timeout: float,
        variables: Mapping[str, str],
        model: bytes | None = None,
        *,
        changes: bool = False,
    ) -> Command:
        argv = (*_words(self._client(scope).docker_compose_cmd), *args)
        return Command(argv, timeout, {**self.base_environment, **variables}, model, changes)

    def _checked(self, done: Completed) -> Completed:
        if done.code != 0:
            self._check_reachable(done)
        return done

    def _check_reachable(self, done: Completed) -> None:
        said = self.redact.redact_bytes(done.errors[-4000:]).strip()
        if _NO_COMPOSE.search(said):
            raise EngineUnreachable(
                "Compose v2 is not installed", hint="Install the docker compose plug-in, 2.20 or newer."
            )
        if _UNREACHABLE.search(said):
            msg = f"the Docker engine cannot be reached: {last_line(said)}"
            raise EngineUnreachable(msg, hint="Is it running, and may this user use it? Try `docker info`.")

    def _client(self, scope: ComposeScope | None = None) -> "DockerClient":
        from python_on_whales import ClientNotFoundError, DockerClient

        try:
            client = DockerClient(
                host=self.host,
                context=self.context,
                compose_files=list(scope.files) if scope else [],
                compose_project_name=scope.name if scope else None,
                compose_project_directory=scope.directory if scope else None,
                compose_env_files=list(scope.env_files) if scope else [],
            )
            client.client_config.get_client_call_with_path()
        except ClientNotFoundError as error:
            raise _no_docker() from error
        return client


def _program() -> str:
    found = which("docker")
    if found is None:
        raise _no_docker()
    return found


def _no_docker() -> EngineUnreachable:
    return EngineUnreachable("there is no docker command", hint="Install the Docker CLI.")


def _scope_words(scope: ComposeScope) -> Iterator[str]:
    for file in scope.files:
        yield from ("--file", str(file))
    for file in scope.env_files:
        yield from ("--env-file", str(file))
    if scope.name is not None:
        yield from ("--project-name", scope.name)
    yield from ("--project-directory", str(scope.directory))


def _silent(seconds: float) -> EngineUnreachable:
    msg = f"the Docker engine did not answer within {seconds:g}s"
    return EngineUnreachable(msg, hint=_ASK)


def _there(ask: Callable[[str], T], named: str) -> T | None:
    try:
        return ask(named)
    except NotThere:
        return None


def _filters(labels: Mapping[str, str]) -> list[str]:
    return [arg for name, value in labels.items() for arg in ("--filter", f"label={name}={value}")]


def _words(command: Sequence[Any]) -> tuple[str, ...]:
    return tuple(map(str, command))


def parse(output: bytes) -> list[dict[str, Any]]:
    """Read what `docker inspect` wrote."""
    found: list[dict[str, Any]] = json.loads(output or b"[]")
    return found


def last_line(text: str) -> str:
    """Return the last line that says something: where Docker puts the reason."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:500] if lines else "it said nothing"
