"""`[target.NAME]`: a place that the app goes to, with tables that are laid over the rest of the file."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches

from deploykit.config.document import Document
from deploykit.config.explain import Problem, shown
from deploykit.config.model import RollbackTable, StateTable
from deploykit.errors import ConfigError

TABLE = "target"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*", re.ASCII)
_EITHER = {"file": "files", "files": "file", "host": "context", "context": "host"}
"""Keys of `[backend]` that stand in each other's place."""

Tables = Mapping[str, object]


def malformed(document: Document) -> Iterator[Problem]:
    """Yield what is wrong with the names of targets, and with what stands below them."""
    targets = document.tables.get(TABLE, {})
    if not isinstance(targets, dict):
        yield Problem((TABLE,), f"expected tables, got {shown(targets)}", "Write [target.NAME].")
        return
    if TABLE in document.tables and not targets:
        yield Problem((TABLE,), "has no target in it", "Write [target.NAME], or take it out.")
    for name, table in targets.items():
        if not isinstance(table, dict):
            yield Problem((TABLE, name), f"expected a table, got {shown(table)}", f"Write [target.{name}].")
        elif not _NAME.fullmatch(name):
            hint = "Of a-z 0-9 _ and -, the first a letter or a digit."
            yield Problem((TABLE, name), f"not a target's name: {shown(name)}", hint)


def names(document: Document) -> list[str]:
    """Return the targets of a file."""
    targets = document.tables.get(TABLE, {})
    return list(targets) if isinstance(targets, dict) else []


def choose(document: Document, name: str | None) -> Document:
    """Return what the file means with that target: with none where it has none.

    Raises:
        ConfigError: there is no such target; or there are some, and none was named.
    """
    known = names(document)
    if name is None and not known:
        return document
    if not known:
        msg = f"{document.name} has no target {name!r}, nor any other"
        raise ConfigError(msg, hint=f"Leave out -t and $DEPLOYKIT_TARGET, or write [target.{name}].")
    if name is None:
        msg = f"{document.name} has targets, and none was named: {_listed(known)}"
        raise ConfigError(msg, hint="Name it: -t NAME, or $DEPLOYKIT_TARGET.")
    if name not in known:
        near = get_close_matches(name, known, n=1, cutoff=0.5)  # prod for production
        meant = f"; did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"{document.name} has no target {name!r}{meant}", hint=f"It has {_listed(known)}.")
    return of(document, name)


def of(document: Document, name: str) -> Document:
    """Return what the file means with one of its targets."""
    base = {key: table for key, table in document.tables.items() if key != TABLE}
    own = document.tables[TABLE][name]  # type: ignore[index]  # it is a table of tables
    merged = _with_own_places(_merged(base, own), own, name)
    return replace(document, tables=merged, target=name, own=own)


def _merged(base: Tables, own: Tables) -> dict[str, object]:
    merged = {key: _over(base.get(key), value) for key, value in own.items()}
    backend, mine = base.get("backend"), own.get("backend")
    if isinstance(backend, dict) and isinstance(mine, dict):
        merged["backend"] = _over(_backend_below(backend, mine), mine)
    return {**base, **merged}


def _over(below: object, value: object) -> object:
    """Lay a value over another: tables key by key; anything else takes its place."""
    if not isinstance(below, dict) or not isinstance(value, dict):
        return value
    return {**below, **{key: _over(below.get(key), one) for key, one in value.items()}}


def _backend_below(base: Tables, own: Tables) -> Tables:
    """Return what remains of the file's backend: nothing, when the target's is of another type."""
    if own.get("type", base.get("type")) != base.get("type"):
        return {}
    replaced = {_EITHER[key] for key in own if key in _EITHER}
    return {key: value for key, value in base.items() if key not in replaced}


def _with_own_places(merged: dict[str, object], own: Tables, name: str) -> dict[str, object]:
    """Give the target a name, a state folder and a tag file of its own, unless it says them."""
    for table, key, default, form in (
        ("app", "name", None, "{}-{}"),
        ("state", "dir", StateTable().dir, "{}/targets/{}"),
        ("rollback", "previous_tag_file", RollbackTable().previous_tag_file, "{}.{}"),
    ):
        said, mine = merged.get(table, {}), own.get(table, {})
        if isinstance(said, dict) and isinstance(mine, dict) and key not in mine:
            value = said.get(key, default)
            if isinstance(value, str) and value:
                merged[table] = {**said, key: form.format(value, name)}
    return merged


def _listed(known: list[str]) -> str:
    return ", ".join(sorted(known))
