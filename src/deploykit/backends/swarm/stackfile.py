"""A stack's compose file: read as it is today, kept with a release, and made ready to be deployed again.

It is kept as it is written, but for its env files, which are read: their values are kept beside it, and so are the
variables of the shell, and of `.env`, that it uses. The engine's own command fills them in.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploykit.backends.engine.envfile import read_env_file
from deploykit.backends.swarm.service import Usual
from deploykit.errors import ConfigError
from deploykit.release import ImageRef, Snapshot

if TYPE_CHECKING:
    from yaml import SafeLoader

Model = dict[str, Any]
"""A compose file, or a part of it."""

STACK = "stack.json"
ENVIRONMENT = "environment.json"
VARIABLES = "variables.json"
_VERSION = "3.8"
"""What a file is of that does not say it: the newest that all engines know."""
_VARIABLE = re.compile(r"\$(?:\$|\{([A-Za-z_]\w*)|([A-Za-z_]\w*))", re.ASCII)
_HINT = "`docker stack deploy` reads it: https://docs.docker.com/reference/compose-file/legacy-versions/"


@dataclass(frozen=True, slots=True)
class StackFile:
    """The user's compose file. `image_env` and `tag_env` carry the plain image to its interpolation."""

    path: Path
    services: tuple[str, ...]
    image_env: str | None = None
    tag_env: str | None = None

    def snapshot(self, shell: Mapping[str, str]) -> Snapshot:
        """Read it, its env files, and the variables that it uses.

        Raises:
            ConfigError: it cannot be read, or has no such service.
        """
        model = self._model()
        variables = {**self._dotenv(shell), **shell}
        environment = {name: self._env_files(service, variables) for name, service in model["services"].items()}
        used = set(_interpolated(model)) - {self.image_env, self.tag_env}
        chosen = {name: variables[name] for name in sorted(used) if name in variables}
        files = {STACK: model, ENVIRONMENT: environment, VARIABLES: chosen}
        return Snapshot({name: _dump(content) for name, content in files.items()})

    def of(self, snapshot: Snapshot, shell: Mapping[str, str]) -> "KeptStack":
        """Return what a release was kept with; today's where another kind of backend has kept it."""
        if STACK not in snapshot.files:
            snapshot = self.snapshot(shell)
        model, environment, variables = (json.loads(snapshot.files[one]) for one in (STACK, ENVIRONMENT, VARIABLES))
        return KeptStack(self, model, environment, variables)

    def _model(self) -> Model:
        model = _read_yaml(self.path)
        services = model.get("services") if isinstance(model, dict) else None
        if not isinstance(services, dict) or not all(isinstance(one, dict) for one in services.values()):
            msg = f"backend.file: {self.path.name} has no services"
            raise ConfigError(msg, hint=_HINT)
        for name in self.services:
            if name not in services:
                msg = f"backend.services: {self.path.name} has no service {name!r}"
                raise ConfigError(msg, hint=f"It has: {', '.join(sorted(services)) or 'none'}.")
        return {**model, "services": {name: dict(service) for name, service in services.items()}}

    def _dotenv(self, shell: Mapping[str, str]) -> dict[str, str]:
        path = self.path.parent / ".env"
        return read_env_file(path, shell, "backend.file") if path.is_file() else {}

    def _env_files(self, service: Model, variables: Mapping[str, str]) -> dict[str, str]:
        """Take a service's env files out of it, and return what they say."""
        found: dict[str, str] = {}
        named = service.pop("env_file", None) or []
        for one in [named] if isinstance(named, (str, dict)) else named:
            path, required = (one["path"], one.get("required", True)) if isinstance(one, dict) else (one, True)
            place = self.path.parent / _filled(str(path), variables)
            if required or place.is_file():
                found |= read_env_file(place, variables, "backend.file")
        return found


@dataclass(frozen=True, slots=True)
class KeptStack:
    """A stack as a release was kept with it."""

    today: StackFile
    model: Model
    environment: Mapping[str, Mapping[str, str]]
    variables: Mapping[str, str]

    @property
    def folder(self) -> Path:
        """Where relative paths start."""
        return self.today.path.parent

    @property
    def given(self) -> dict[str, str]:
        """What services are given by env files and by the file itself."""
        given: dict[str, str] = {}
        for name, service in self.model["services"].items():
            written = {key: str(value) for key, value in _table(service.get("environment")).items() if value}
            given |= {**self.environment.get(name, {}), **written}
        return given

    def variables_for(self, image: ImageRef) -> dict[str, str]:
        """Return what is to be filled in."""
        named = {self.today.image_env: image.repository, self.today.tag_env: image.tag or "latest"}
        return {**self.variables, **{name: value for name, value in named.items() if name}}

    def host_ports(self, service: str) -> bool:
        """Whether a service's tasks have a port of their own node each."""
        ports = self.model["services"].get(service, {}).get("ports") or []
        return any(isinstance(one, dict) and one.get("mode") == "host" for one in ports)

    def healthcheck(self, service: str) -> bool | None:
        """Whether a service has a healthcheck; None where the image decides."""
        check = self.model["services"].get(service, {}).get("healthcheck") or {}
        if not check.get("disable") and not check.get("test"):
            return None
        return not check.get("disable") and check.get("test") not in ("NONE", ["NONE"])

    def usual(self, service: str) -> Usual:
        """Return how a service is updated, by its file."""
        said = (self.model["services"][service].get("deploy") or {}).get("update_config") or {}
        written = {
            name: _filled(str(said[name]), self.variables) for name in ("delay", "failure_action") if said.get(name)
        }
        return Usual(**written)

    def replicas(self, service: str) -> str | None:
        """Return how many tasks a service is to have, as its file says it; None where it does not."""
        deploy = self.model["services"][service].get("deploy") or {}
        said = "all" if deploy.get("mode") == "global" else deploy.get("replicas")
        return None if said is None else _filled(str(said), self.variables)

    def rendered(self, changes: Mapping[str, Model], there: Sequence[str]) -> bytes:
        """Return the file to deploy: our services, with these changes, and of the rest what is not `there`."""
        services = {
            name: self._service(name, changes.get(name, {}))
            for name, service in self.model["services"].items()
            if name in changes or name not in there
        }
        known = {name: part for name, part in self.model.items() if name not in {"name", "services"}}
        return _dump({"version": _VERSION, **known, "services": services})

    def _service(self, name: str, changes: Model) -> Model:
        service = {**self.model["services"][name]}
        if given := self.environment.get(name):
            escaped = {key: value.replace("$", "$$") for key, value in given.items()}
            service["environment"] = {**escaped, **_table(service.get("environment"))}
        if isinstance(service.get("depends_on"), dict):
            service["depends_on"] = list(service["depends_on"])  # the swarm starts all at once anyhow
        return merged(service, changes)


def merged(service: Model, changes: Model) -> Model:
    """Return a part of a compose file with changes in it; lists of `NAME=VALUE` are tables too."""
    found = {**service}
    for name, value in changes.items():
        found[name] = merged(_table(found.get(name)), value) if isinstance(value, dict) else value
    return found


def _table(said: object) -> Model:
    if isinstance(said, list):
        pairs = (str(one).partition("=") for one in said)
        return {name: value if equals else None for name, equals, value in pairs}
    return dict(said) if isinstance(said, dict) else {}


def _read_yaml(path: Path) -> Any:
    import yaml  # late: few have such a file

    try:
        with path.open("rb") as file:
            return yaml.load(file, _loader())  # noqa: S506 - it is a safe one
    except OSError as error:
        msg = f"backend.file: {path} cannot be read: {error.strerror}"
        raise ConfigError(msg, hint="Is the name right, and may this user read it?") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        msg = f"backend.file: {path.name}{line} is not YAML"
        raise ConfigError(msg, hint=_HINT) from error


def _loader() -> "type[SafeLoader]":
    """Return a loader for which `22:22` is no number to the base of 60, and `2026-01-01` no date: as for Docker."""
    import yaml

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers = {  # noqa: RUF012 - the library's own way
            first: [(tag, words) for tag, words in found if tag not in _NOT_DOCKERS]
            for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    integer = re.compile(r"[-+]?(0|[1-9][0-9_]*|0[0-7_]+|0x[0-9a-fA-F_]+|0b[01_]+)\Z")
    number = re.compile(r"[-+]?([0-9][0-9_]*)?\.[0-9]+([eE][-+]?[0-9]+)?\Z")
    Loader.add_implicit_resolver("tag:yaml.org,2002:int", integer, list("-+0123456789"))
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", number, list("-+.0123456789"))
    return Loader


_NOT_DOCKERS = {"tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp"}


def _interpolated(part: object) -> Iterator[str]:
    """Yield the names of the variables that are used in it, and of those that a service is given from the shell."""
    match part:
        case str():
            yield from (one[1] or one[2] for one in _VARIABLE.finditer(part) if one[1] or one[2])
        case list():
            for one in part:
                yield from _interpolated(one)
        case dict():
            for name, value in part.items():
                if name == "environment":
                    yield from (key for key, given in _table(value).items() if given is None)
                yield from _interpolated(value)
        case _:
            return


def _filled(path: str, variables: Mapping[str, str]) -> str:
    """Return a path with its plain variables filled in."""
    return _VARIABLE.sub(lambda one: variables.get(one[1] or one[2] or "", "$"), path)


def _dump(value: object) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True).encode()
