"""Where targets run, and where they keep what is theirs: no two of them may meet."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from deploykit.config.document import Document, Key
from deploykit.config.explain import Problem
from deploykit.config.model import (
    AppTable,
    Backend,
    ComposeTable,
    DockerTable,
    EngineTable,
    RollbackTable,
    StateTable,
    SwarmTable,
)
from deploykit.config.projects import project_name
from deploykit.config.remote import engine_host
from deploykit.config.settings import Config

_USUAL_ENGINE = "unix:///var/run/docker.sock"

_Claim = tuple[str, ...]
"""What something is, its name and, if it has one, its engine."""


@dataclass(frozen=True, slots=True)
class Place:
    """The tables of a target that say where it is; None for one that cannot be read."""

    document: Document
    app: AppTable | None
    backend: Backend | None
    rollback: RollbackTable | None
    state: StateTable | None

    @classmethod
    def of(cls, config: Config) -> "Place":
        """Return that of a whole config."""
        return cls(config.document, config.app, config.backend, config.rollback, config.state)


def meetings(place: Place, others: Sequence[Place]) -> Iterator[Problem]:
    """Yield what a target would share with others of its file."""
    if not others:
        return
    mine = dict(_claims(place))
    for other in others:
        theirs = dict(_claims(other))
        for claim in (claim for claim in mine if claim in theirs):
            yield _met(claim, mine[claim], place.document, other.document)


def _met(claim: _Claim, key: Key, one: Document, other: Document) -> Problem:
    what, name, *engine = claim
    where = f" on one engine ({engine[0]})" if engine else ""
    text = f"targets {one.target} and {other.target} would share the {what} {name!r}{where}"
    table, last = key
    own = f'[target.{other.target}.{table}] {last} = "{name}-{other.target}"'
    hint = "Say it in the one target that it is of." if last == "adopt" else f"Give one its own: {own}"
    return Problem(key, text, hint)


def _claims(place: Place) -> Iterator[tuple[_Claim, Key]]:
    """Yield what it would have for itself. What hangs on a variable that is not set is like nothing else."""
    yield from _on_disk(place)
    yield from _on_engine(place)


def _on_disk(place: Place) -> Iterator[tuple[_Claim, Key]]:
    if place.state:
        yield ("state folder", _absolute(place, place.state.dir)), ("state", "dir")
    if place.rollback:
        file = place.rollback.previous_tag_file
        yield ("tag file", _absolute(place, file)), ("rollback", "previous_tag_file")


def _on_engine(place: Place) -> Iterator[tuple[_Claim, Key]]:
    backend = place.backend
    if not isinstance(backend, EngineTable | SwarmTable):
        return
    engine = _engine(backend, place.document)
    if place.app:
        yield ("name", place.app.name, engine), ("app", "name")
    if isinstance(backend, DockerTable) and backend.adopt:
        yield ("container", backend.adopt, engine), ("backend", "adopt")
    if isinstance(backend, SwarmTable):
        kind = "service" if backend.service else "stack"
        yield (kind, str(backend.service or backend.stack), engine), ("backend", kind)
    if isinstance(backend, ComposeTable) and (project := backend.project or _project(backend, place.document)):
        yield ("Compose project", project, engine), ("backend", "project")


def _engine(backend: EngineTable | SwarmTable, document: Document) -> str:
    found = engine_host(backend.host, backend.context, document.environment)
    if found is None and backend.context not in {None, "default"}:
        return f"context {backend.context}"  # which is not known here
    return found or _USUAL_ENGINE


def _project(backend: ComposeTable, document: Document) -> str | None:
    if any("$" in file for file in backend.compose_files):
        return None
    files = [document.path.absolute().parent / file for file in backend.compose_files]
    return project_name(files, document.environment)


def _absolute(place: Place, path: str) -> str:
    return os.path.normpath(place.document.path.absolute().parent / path)
