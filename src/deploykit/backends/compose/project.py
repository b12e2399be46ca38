"""The user's Compose project: read as it is today, kept with a release, and made ready to run again.

A release keeps its compose files flattened (what `extends` and `include` reach is merged in) but not interpolated, its
env files, and the shell variables that it uses. Compose itself does the flattening. Where that, with the variables kept
and no others, does not mean the same as the user's files, they are kept interpolated: a colon inside a variable of a
short mount, say, or an included file with a `.env` of its own.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploykit.backends.compose.rolling import refuse_what_cannot_roll, what_cannot_roll
from deploykit.backends.engine.client import ComposeScope, Engine
from deploykit.backends.engine.labels import labels_for
from deploykit.backends.engine.runner import Completed
from deploykit.clock import in_thread
from deploykit.disk import write_private
from deploykit.errors import ConfigError
from deploykit.release import ImageRef, Release, Snapshot

if TYPE_CHECKING:
    from concurrent.futures import Future

Model = dict[str, Any]
"""A compose file as Compose prints it in JSON."""

MODEL = "compose.json"
DOTENV = ".env"
VARIABLES = "variables.json"
PROJECT = "project.json"
_ENV_FILES = "env_files"
_VARIABLE = re.compile(r"\$(?:\$|\{([A-Za-z_]\w*)|([A-Za-z_]\w*))", re.ASCII)
# A line of an env file that takes a variable over from the shell.
_TAKEN_OVER = re.compile(r"^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)[ \t]*\r?$", re.ASCII | re.MULTILINE)
# Variables of Compose's own that change what a project is.
_COMPOSE_VARIABLES = ("COMPOSE_PROFILES",)
_TRUE = frozenset({"1", "t", "true"})
# What Compose repeats of an env file that it cannot read: it may be a secret.
_REPEATED = re.compile(r"(?<=unterminated quoted value) .*|(?<=in variable name) .*")
_NO_IMAGE = ImageRef("deploykit", "unknown")
"""For what does not depend on the image, where the files may demand one."""
_MISSING = re.compile(r"required variable (\S+) is missing")


@dataclass(frozen=True, slots=True)
class Dependency:
    """A service that a release's services depend on. `one_shot`: it runs to its end and is waited for."""

    name: str
    one_shot: bool


@dataclass(frozen=True, slots=True)
class Project:
    """What of a project must be known to run it.

    Compose's name for it, its folder, the services that run the image, each with its number of containers where the
    files say one, and what comes before them.
    """

    name: str
    directory: str
    services: Mapping[str, int | None] = field(default_factory=dict)
    dependencies: tuple[Dependency, ...] = field(default_factory=tuple)

    def to_json(self) -> bytes:
        return _dump(asdict(self))

    @classmethod
    def from_json(cls, content: bytes) -> "Project":
        said = json.loads(content)
        dependencies = tuple(Dependency(**one) for one in said["dependencies"])
        return cls(said["name"], said["directory"], said["services"], dependencies)


@dataclass(slots=True)
class ComposeFiles:
    """The user's compose files, which of their services run the image, and which of these roll.

    `named` is what the project is called whatever they say.
    """

    engine: Engine
    files: tuple[Path, ...]
    services: tuple[str, ...]
    image_env: str | None = None
    tag_env: str | None = None
    rolling: tuple[str, ...] = ()
    named: str | None = None
    _name: str | None = field(default=None, init=False)
    _flattening: "Future[Completed] | None" = field(default=None, init=False, repr=False)

    @property
    def directory(self) -> Path:
        return self.files[0].parent

    def image_variables(self, image: ImageRef) -> dict[str, str]:
        """Return the variables that carry the image: plain, a digest in them would break host names and mounts."""
        named = {self.image_env: image.repository, self.tag_env: image.tag or "latest"}
        return {name: value for name, value in named.items() if name}

    def project_name(self) -> str:
        """Return the project's name: the one that Compose resolves for the user's own files, unless it was given one.

        Asked once, it does not change.

        Raises:
            ConfigError: it cannot read them.
        """
        if self._name is None:
            self._name = self.named or str(self._resolved(_NO_IMAGE)["name"])
        return self._name

    def read_ahead(self) -> None:
        """Begin with what the next snapshot needs whatever its image is: Compose takes a tenth of a second a call."""
        self._flattening = in_thread(lambda: self._flatten(_NO_IMAGE))

    def snapshot(self, image: ImageRef) -> Snapshot:
        """Read the project as it is today."""
        resolving = in_thread(lambda: self._resolve(image))
        flattening, self._flattening = self._flattening, None
        flattened = _flattened(flattening.result() if flattening else self._flatten(image))
        if flattened:
            self._check_services(flattened)
        trial = self._tried(image, flattened, self._name) if self._name else None
        resolved = self._read_by_compose(resolving.result())
        refuse_what_cannot_roll(resolved, self.rolling, self.files)
        if trial is None or self._name != resolved["name"]:
            trial = self._tried(image, flattened, resolved["name"])
        return self._kept(trial.model if trial.result.result() == resolved else resolved, resolved)

    def _tried(self, image: ImageRef, flattened: Model, name: str) -> "_Trial":
        """Begin to ask what the flattened files mean, with nothing of today's shell but what is kept with them."""
        model = {**flattened, "name": name}
        return _Trial(model, in_thread(lambda: self._meaning(image, model)))

    def healthchecks(self, image: ImageRef) -> dict[str, bool]:
        """Return whether a service has a healthcheck, for those of which the compose files say so themselves."""
        services = self._resolved(image).get("services", {})
        checks = {name: service.get("healthcheck") or {} for name, service in services.items()}
        return {
            name: not check.get("disable") and check["test"] != ["NONE"]
            for name, check in checks.items()
            if check.get("disable") or check.get("test")
        }

    def obstacle_to_rolling(self, image: ImageRef) -> str | None:
        """Return the first thing that keeps the services from standing twice; None when all could."""
        found = what_cannot_roll(self._resolved(image), self.services, self.files)
        return next((told for told, _ in found), None)

    def _resolved(self, image: ImageRef) -> Model:
        return self._read_by_compose(self._resolve(image))

    def _resolve(self, image: ImageRef) -> Completed:
        # Named, services are resolved whatever their profiles: so does `up`.
        return self._compose(image, "config", "--format", "json", *self.services)

    def _read_by_compose(self, done: Completed) -> Model:
        if done.code != 0:
            raise self._invalid(done)
        model: Model = json.loads(done.output)
        return model

    def _kept(self, model: Model, resolved: Model) -> Snapshot:
        env_files, dotenv = self._read_env_files(model)
        variables = self._variables(model, [dotenv, *env_files.values()])
        dependencies = tuple(_dependencies(resolved, self.services))
        replicas = {service: _replicas(resolved, service) for service in self.services}
        project = Project(str(resolved["name"]), str(self.directory), replicas, dependencies)
        files = {MODEL: _dump(model), DOTENV: dotenv, VARIABLES: _dump(variables), PROJECT: project.to_json()}
        return Snapshot({**files, **env_files})

    def _needed(self, model: Model) -> dict[str, str]:
        """Return the variables of the shell that a model uses."""
        env_files, dotenv = self._read_env_files(model)
        return self._variables(model, [dotenv, *env_files.values()])

    def _read_env_files(self, model: Model) -> tuple[dict[str, bytes], bytes]:
        """Return the env files of a model by their names in the release, and what fills in for the shell."""
        env_files = {_stored_name(path): _read(path) for path in _env_files(model)}
        return env_files, b"\n".join(map(_read, self._dotenv_files()))

    def _dotenv_files(self) -> list[Path]:
        """Return the files that fill in what the shell does not set, as Compose chooses them."""
        if named := self.engine.environment.get("COMPOSE_ENV_FILES"):
            return [Path(name) for name in named.split(",")]
        default = self.directory / DOTENV
        unwanted = self.engine.environment.get("COMPOSE_DISABLE_ENV_FILE", "").lower() in _TRUE
        return [default] if default.is_file() and not unwanted else []

    def _meaning(self, image: ImageRef, model: Model) -> Model | None:
        """Return what a model that is kept is to Compose; None when that cannot be told."""
        if any("$" in str(path) for path in _env_files(model)):
            return None  # which file that is, only Compose can tell
        files = self._dotenv_files() or [Path(os.devnull)]
        scope = ComposeScope(("-",), self.directory, env_files=tuple(files))
        variables = {**self._needed(model), **self.image_variables(image)}
        args = ("config", "--format", "json", *self.services)
        again = self.engine.read(scope, *args, variables=variables, model=_dump(model))
        found: Model | None = json.loads(again.output) if again.code == 0 else None
        return found

    def _flatten(self, image: ImageRef) -> Completed:
        return self._compose(image, "config", "--no-interpolate", "--format", "json")

    def _compose(self, image: ImageRef, *args: str) -> Completed:
        variables = {**self.engine.environment, **self.image_variables(image)}
        return self.engine.read(ComposeScope(self.files, self.directory, self.named), *args, variables=variables)

    def _invalid(self, done: Completed) -> ConfigError:
        return _unreadable(self.engine, self.files, self.directory, done)

    def _check_services(self, model: Model) -> None:
        known = model.get("services", {})
        for service in self.services:
            if service not in known:
                near = get_close_matches(service, known, 1)
                hint = f"Did you mean {near[0]!r}?" if near else f"It has: {', '.join(sorted(known)) or 'none'}."
                msg = f"backend.services: {self.files[0].name} has no service {service!r}"
                raise ConfigError(msg, hint=hint)

    def _variables(self, model: Model, env_files: Iterable[bytes]) -> dict[str, str]:
        names = set(_COMPOSE_VARIABLES) | set(_interpolated(model)) | set(_passed_through(model))
        for content in env_files:
            text = content.decode(errors="replace")
            names |= {*_interpolated(text), *_TAKEN_OVER.findall(text)}
        names -= {self.image_env, self.tag_env}
        environment = self.engine.environment
        return {name: environment[name] for name in sorted(names) if name in environment}


def read_model(file: Path) -> Model:
    """Return what a compose file says, without its variables filled in. Asks no engine.

    Raises:
        ConfigError: Compose cannot read it.
        EngineUnreachable: there is no Compose.
    """
    engine, directory = Engine(), file.absolute().parent
    done = engine.read(
        ComposeScope((file.absolute(),), directory), "config", "--no-interpolate", "--format", "json", variables={}
    )
    if done.code != 0:
        raise _unreadable(engine, (file,), directory, done)
    model: Model = json.loads(done.output)
    return model


def _unreadable(engine: Engine, files: Sequence[Path], directory: Path, done: Completed) -> ConfigError:
    said = _REPEATED.sub("", engine.redact.redact_bytes(done.errors).strip())
    names = ", ".join(file.name for file in files)
    missing = _MISSING.search(said)
    if missing:
        hint = f"Set {missing[1]} in the shell or in {directory / DOTENV}."
    else:
        hint = "`docker compose config` shows the same error."
    lines = [line for line in said.splitlines() if "level=warning" not in line]
    return ConfigError(f"{names}: Compose cannot read it: {' '.join(lines)[:600]}", hint=hint)


@dataclass(frozen=True, slots=True)
class _Trial:
    """A model that may be kept, and what Compose takes it for."""

    model: Model
    result: "Future[Model | None]"


@dataclass(frozen=True, slots=True)
class StoredProject:
    """The project of a release, as it was, ready to run: paths on the disk, and all the variables that it needs.

    `services` are all that its compose files have; `pinned` those that run the image, with how many containers of each
    its files ask for.
    """

    scope: ComposeScope
    variables: Mapping[str, str] = field(repr=False)
    services: frozenset[str]
    pinned: Mapping[str, int | None]
    dependencies: tuple[Dependency, ...]


def restore_project(
    release: Release, app: str, snapshot: Snapshot, stored: Path, scratch: Path, image_variables: Mapping[str, str]
) -> StoredProject:
    """Make the kept files of a release ready to run from: `stored` holds them, `scratch` is for what is derived."""
    project = Project.from_json(snapshot.files[PROJECT])
    model: Model = json.loads(snapshot.files[MODEL])
    for entry in _env_file_entries(model):
        entry["path"] = str(stored / _stored_name(Path(entry["path"])))
    write_private(scratch / MODEL, _dump(model))
    write_private(scratch / "override.json", _dump(override_for(release, app, project.services)))
    files = (scratch / MODEL, scratch / "override.json")
    scope = ComposeScope(files, Path(project.directory), project.name, (stored / DOTENV,))
    variables = {**json.loads(snapshot.files[VARIABLES]), **image_variables}
    services = frozenset(model.get("services", {}))
    return StoredProject(scope, variables, services, project.services, project.dependencies)


def override_for(release: Release, app: str, services: Iterable[str]) -> Model:
    """Return our override file: the image pinned, and the labels by which the release is found again."""
    pinned = {"image": release.image.pinned, "labels": labels_for(release, app)}
    return {"services": dict.fromkeys(services, pinned)}


def published_ports(config: bytes, service: str) -> dict[int, int]:
    """Return the ports of this machine that lead to a service, each with the container's own, from resolved files."""
    ports = json.loads(config).get("services", {}).get(service, {}).get("ports") or ()
    numbers = ((str(port.get("published") or ""), port.get("target")) for port in ports)
    return {int(published): int(target) for published, target in numbers if published.isdigit()}


def _dump(value: object) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True).encode()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""  # Compose has already said whether it may be missing
    except OSError as error:
        msg = f"the env file {path} cannot be read: {error.strerror}"
        raise ConfigError(msg) from error


def _flattened(done: Completed) -> Model:
    """Return the flattened files, nothing when Compose could not do that.

    Env files get their long form, which older versions of Compose do not print.
    """
    model: Model = json.loads(done.output) if done.code == 0 else {}
    for service in model.get("services", {}).values():
        named = service.get("env_file") or ()
        entries = [named] if isinstance(named, str) else named
        if entries:
            service["env_file"] = [{"path": entry} if isinstance(entry, str) else entry for entry in entries]
    return model


def _env_file_entries(model: Model) -> Iterator[dict[str, Any]]:
    for service in model.get("services", {}).values():
        yield from service.get("env_file") or ()


def _env_files(model: Model) -> list[Path]:
    return sorted({Path(entry["path"]) for entry in _env_file_entries(model)})


def _stored_name(path: Path) -> str:
    return f"{_ENV_FILES}/{str(path).strip('/').replace('%', '%25').replace('/', '%2F')}"


def _strings(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for key, inner in value.items():
                yield str(key)
                yield from _strings(inner)
        case list():
            for inner in value:
                yield from _strings(inner)
        case _:
            return


def _interpolated(value: object) -> Iterator[str]:
    for text in _strings(value):
        for braced, plain in _VARIABLE.findall(text):
            if name := braced or plain:
                yield name


def _passed_through(model: Model) -> Iterator[str]:
    """Yield the variables that are taken over from the shell: by services, secrets and configs."""
    for kind in ("secrets", "configs"):
        yield from (one["environment"] for one in (model.get(kind) or {}).values() if "environment" in one)
    for service in model.get("services", {}).values():
        environment = service.get("environment") or ()
        if isinstance(environment, dict):
            yield from (name for name, value in environment.items() if value is None)
        else:
            yield from (entry for entry in environment if "=" not in entry)


def _replicas(resolved: Model, service: str) -> int | None:
    """Return how many containers of a service there are to be: `scale` and `deploy.replicas` say the same."""
    said = resolved.get("services", {}).get(service, {})
    number = said.get("scale") or (said.get("deploy") or {}).get("replicas")
    return int(number) if number else None


def _dependencies(model: Model, services: Iterable[str]) -> list[Dependency]:
    """Return what the services depend on, directly or not, in the order in which it must start."""
    known = model.get("services", {})
    ordered: dict[str, bool] = {}
    chosen = tuple(services)

    def visit(name: str) -> None:
        for needed, how in (known.get(name, {}).get("depends_on") or {}).items():
            if needed not in known or needed in chosen:
                continue
            visit(needed)
            one_shot = how.get("condition") == "service_completed_successfully"
            ordered[needed] = ordered.get(needed, False) or one_shot

    for service in chosen:
        visit(service)
    return [Dependency(name, one_shot) for name, one_shot in ordered.items()]
