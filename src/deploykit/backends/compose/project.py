"""The user's Compose project: read as it is today, kept with a release, and made ready to run again.

A release keeps its compose files flattened (what `extends` and `include` reach is merged in) but not interpolated, its
env files, and the shell variables that it uses. Compose itself does the flattening. Where its uninterpolated form does
not mean the same as the user's files, the interpolated one is kept: a colon inside a variable of a short mount, say.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from deploykit.backends.engine.client import ComposeScope, Engine
from deploykit.backends.engine.runner import Completed
from deploykit.disk import write_private
from deploykit.errors import ConfigError
from deploykit.release import ImageRef, Release, Snapshot

Model = dict[str, Any]
"""A compose file as Compose prints it in JSON."""

MODEL = "compose.json"
DOTENV = ".env"
VARIABLES = "variables.json"
PROJECT = "project.json"
_ENV_FILES = "env_files"
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)|([A-Za-z_]\w*))", re.ASCII)
# Variables of Compose's own that change what a project is.
_COMPOSE_VARIABLES = ("COMPOSE_PROFILES",)
_MISSING = re.compile(r"required variable (\S+) is missing")


@dataclass(frozen=True, slots=True)
class Dependency:
    """A service that a release's services depend on. `one_shot`: it runs to its end and is waited for."""

    name: str
    one_shot: bool


@dataclass(frozen=True, slots=True)
class Project:
    """What of a project must be known to run it: Compose's name for it, its folder, what comes before the services."""

    name: str
    directory: str
    dependencies: tuple[Dependency, ...] = field(default_factory=tuple)

    def to_json(self) -> bytes:
        return _dump(asdict(self))

    @classmethod
    def from_json(cls, content: bytes) -> "Project":
        said = json.loads(content)
        return cls(said["name"], said["directory"], tuple(Dependency(**one) for one in said["dependencies"]))


@dataclass(frozen=True, slots=True)
class ComposeFiles:
    """The user's compose files, and which of their services run the image."""

    engine: Engine
    files: tuple[Path, ...]
    services: tuple[str, ...]
    image_env: str | None = None
    tag_env: str | None = None

    @property
    def directory(self) -> Path:
        return self.files[0].parent

    def image_variables(self, image: ImageRef) -> dict[str, str]:
        """Return the variables that carry the image: plain, a digest in them would break host names and mounts."""
        named = {self.image_env: image.repository, self.tag_env: image.tag or "latest"}
        return {name: value for name, value in named.items() if name}

    def project_name(self) -> str:
        """Return the name that Compose resolves for the user's own files.

        Raises:
            ConfigError: it cannot read them.
        """
        image = ImageRef("deploykit", "unknown")  # the name does not depend on it; the files may demand one
        return str(self._resolved(image)["name"])

    def snapshot(self, image: ImageRef) -> Snapshot:
        """Read the project as it is today."""
        # Compose takes a tenth of a second a call, whatever it does: ask both at once.
        with ThreadPoolExecutor(1) as pool:
            flattening = pool.submit(self._compose, image, "config", "--no-interpolate", "--format", "json")
            resolved = self._resolved(image)
        model = self._unresolved(image, flattening.result(), resolved) or resolved
        self._check_services(model)
        project = Project(str(resolved["name"]), str(self.directory), tuple(_dependencies(model, self.services)))
        env_files = {_stored_name(path): _read(path) for path in _env_files(model)}
        dotenv = _read(self.directory / DOTENV) if (self.directory / DOTENV).is_file() else b""
        variables = self._variables(model, [dotenv, *env_files.values()])
        files = {MODEL: _dump(model), DOTENV: dotenv, VARIABLES: _dump(variables), PROJECT: project.to_json()}
        return Snapshot({**files, **env_files})

    def services_with_healthcheck(self, image: ImageRef) -> set[str]:
        """Return the services whose healthcheck stands in the compose files."""
        services = self._resolved(image).get("services", {})
        return {
            name for name, service in services.items() if not service.get("healthcheck", {"disable": 1}).get("disable")
        }

    def _resolved(self, image: ImageRef) -> Model:
        done = self._compose(image, "config", "--format", "json")
        if done.code != 0:
            raise self._invalid(done)
        model: Model = json.loads(done.output)
        return model

    def _unresolved(self, image: ImageRef, done: Completed, resolved: Model) -> Model | None:
        """Return the flattened model with its variables in it, when it means the same as the user's files."""
        if done.code != 0:
            return None
        model = _normal({**json.loads(done.output), "name": resolved["name"]})
        if any("$" in entry["path"] for entry in _env_file_entries(model)):
            return None  # which file that is, only Compose can tell
        scope = ComposeScope(("-",), self.directory)
        again = self._compose(image, "config", "--format", "json", scope=scope, model=_dump(model))
        return model if again.code == 0 and json.loads(again.output) == resolved else None

    def _compose(
        self, image: ImageRef, *args: str, scope: ComposeScope | None = None, model: bytes | None = None
    ) -> Completed:
        variables = {**self.engine.environment, **self.image_variables(image)}
        scope = scope or ComposeScope(self.files, self.directory)
        return self.engine.compose(scope, *args, variables=variables, model=model)

    def _invalid(self, done: Completed) -> ConfigError:
        said = self.engine.redact.redact_bytes(done.errors).strip()
        names = ", ".join(file.name for file in self.files)
        missing = _MISSING.search(said)
        if missing:
            hint = f"Set {missing[1]} in the shell or in {self.directory / DOTENV}."
        else:
            hint = "`docker compose config` shows the same error."
        lines = [line for line in said.splitlines() if "level=warning" not in line]
        return ConfigError(f"{names}: Compose cannot read it: {' '.join(lines)[:600]}", hint=hint)

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
            names |= set(_interpolated(content.decode(errors="replace")))
        names -= {self.image_env, self.tag_env}
        environment = self.engine.environment
        return {name: environment[name] for name in sorted(names) if name in environment}


@dataclass(frozen=True, slots=True)
class StoredProject:
    """The project of a release, as it was, ready to run: paths on the disk, and all the variables that it needs."""

    scope: ComposeScope
    variables: Mapping[str, str] = field(repr=False)
    dependencies: tuple[Dependency, ...]


def restore_project(
    snapshot: Snapshot, stored: Path, scratch: Path, override: Model, image_variables: Mapping[str, str]
) -> StoredProject:
    """Make the kept files of a release ready to run from: `stored` holds them, `scratch` is for what is derived."""
    project = Project.from_json(snapshot.files[PROJECT])
    model: Model = json.loads(snapshot.files[MODEL])
    for entry in _env_file_entries(model):
        entry["path"] = str(stored / _stored_name(Path(entry["path"])))
    write_private(scratch / MODEL, _dump(model))
    write_private(scratch / "override.json", _dump(override))
    files = (scratch / MODEL, scratch / "override.json")
    scope = ComposeScope(files, Path(project.directory), project.name, stored / DOTENV)
    variables = {**json.loads(snapshot.files[VARIABLES]), **image_variables}
    return StoredProject(scope, variables, project.dependencies)


def override_for(release: Release, app: str, services: Iterable[str]) -> Model:
    """Return our override file: the image pinned, and the labels by which the release is found again."""
    labels = {
        LABEL_APP: app,
        LABEL_RELEASE: release.id,
        LABEL_FINGERPRINT: release.fingerprint,
        LABEL_IMAGE: release.image.name,
    }
    return {"services": {service: {"image": release.image.pinned, "labels": labels} for service in services}}


LABEL_APP = "org.deploykit.app"
LABEL_RELEASE = "org.deploykit.release"
LABEL_FINGERPRINT = "org.deploykit.fingerprint"
LABEL_IMAGE = "org.deploykit.image"


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


def _normal(model: Model) -> Model:
    """Return the model with env files in their long form, which older versions of Compose do not print."""
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
            yield braced or plain


def _passed_through(model: Model) -> Iterator[str]:
    """Yield the variables that services take over from the shell: `environment: [NAME]`."""
    for service in model.get("services", {}).values():
        environment = service.get("environment") or ()
        if isinstance(environment, dict):
            yield from (name for name, value in environment.items() if value is None)
        else:
            yield from (entry for entry in environment if "=" not in entry)


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
