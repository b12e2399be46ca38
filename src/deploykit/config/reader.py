"""From the tables of a file to a Config, or to one error that tells all that is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from deploykit.config.checks import consistency
from deploykit.config.document import Document, Key, dotted, fill_in, read_document
from deploykit.config.explain import NOT_BUILT, Problem, problems, raise_for, shown, unknown
from deploykit.config.model import (
    BACKENDS,
    AppTable,
    Backend,
    CheckTable,
    HealthTable,
    HooksTable,
    Later,
    NotifyTable,
    ObserverTable,
    PluggedTable,
    RollbackTable,
    StateTable,
)
from deploykit.config.probes import PROBES, PluggedProbeTable, ProbeTable
from deploykit.config.settings import Config
from deploykit.config.values import Table
from deploykit.plugins import loading

_T = TypeVar("_T", bound=Table)
_P = TypeVar("_P", bound=Table)
_INSTALL = "If it is a plug-in's, install the package that brings it beside deploykit."
_TABLES = ["app", "backend", "health", "rollback", "state", "hooks", "notify", "check", "observer"]


def read_config(path: Path, environment: Mapping[str, str]) -> Config:
    """Read a config file. Touches nothing else.

    Raises:
        ConfigError: something is wrong; names file, key, and the key that may have been meant.
    """
    document = read_document(path, environment)
    config = _Reader(document, fill_in(document)).config()
    raise_for(consistency(config), document)
    return config


@dataclass
class _Reader:
    document: Document
    tables: Mapping[str, object]
    found: list[Problem] = field(default_factory=list)

    def config(self) -> Config:
        self._tables()
        app = self._table(AppTable, ("app",))
        backend = self._backend()
        health_table, probe_tables = self._split_health()
        health = self._table(HealthTable, ("health",), health_table)
        probes = [self._probe(("health", "probe", index), table) for index, table in enumerate(probe_tables)]
        rollback = self._table(RollbackTable, ("rollback",))
        state = self._table(StateTable, ("state",))
        hooks = self._table(HooksTable, ("hooks",))
        notify = self._table(NotifyTable, ("notify",))
        check = self._table(CheckTable, ("check",))
        listed = self._list(("observer",), self.tables.get("observer", []))
        observers = [self._observer(("observer", index), table) for index, table in enumerate(listed)]
        raise_for(self.found, self.document)
        assert app and backend and health and rollback and state and hooks and notify and check  # noqa: S101, PT018 - else there was a problem
        chosen = tuple(probe for probe in probes if probe)
        told = tuple(observer for observer in observers if observer)
        return Config(self.document, app, backend, health, chosen, rollback, state, hooks, notify, check, told)

    def _tables(self) -> None:
        for name in self.tables:
            if name in Later.tables:
                self.found.append(Problem((name,), NOT_BUILT, "Take it out."))
            elif name not in _TABLES:
                self.found.append(unknown((name,), _TABLES))

    def _table(self, model: type[_T], key: Key, table: object = None) -> _T | None:
        value = self.tables.get(str(key[0]), {}) if table is None else table
        try:
            return model.model_validate(value)
        except ValidationError as error:
            self.found += problems(error, key, model, self.document)
            return None

    def _backend(self) -> Backend | None:
        table = self.tables.get("backend", {})
        model = self._model(("backend",), table, BACKENDS, loading.BACKENDS, PluggedTable)
        return self._table(model, ("backend",)) if model else None

    def _probe(self, key: Key, table: object) -> ProbeTable | None:
        model = self._model(key, table, PROBES, loading.PROBES, PluggedProbeTable)
        return self._table(model, key, table) if model else None

    def _observer(self, key: Key, table: object) -> ObserverTable | None:
        model = self._model(key, table, {}, loading.OBSERVERS, ObserverTable)
        return self._table(model, key, table) if model else None

    def _model(
        self, key: Key, table: object, models: Mapping[str, type[_T]], group: str, plugged: type[_P]
    ) -> type[_T] | type[_P] | None:
        """Return the model of a table by its type: one of ours, or that of what plug-ins of the group are."""
        if not isinstance(table, dict):
            self.found.append(Problem(key, f"expected a table, got {shown(table)}"))
            return None
        kind = table.get("type")
        if isinstance(kind, str) and kind in models:
            return models[kind]
        installed = loading.plugged(group)
        if isinstance(kind, str) and kind in installed:
            return plugged
        self.found.append(_no_such_type((*key, "type"), kind, [*models, *installed], present="type" in table))
        return None

    def _split_health(self) -> tuple[object, list[object]]:
        table = self.tables.get("health", {})
        if not isinstance(table, dict):
            return table, []
        probes = self._list(("health", "probe"), table.get("probe", []))
        return {name: value for name, value in table.items() if name != "probe"}, probes

    def _list(self, key: Key, tables: object) -> list[object]:
        if isinstance(tables, list):
            return tables
        self.found.append(Problem(key, "expected a list of tables", f"Write [[{dotted(key)}]]."))
        return []


def _no_such_type(key: Key, kind: object, known: list[str], *, present: bool) -> Problem:
    names = " or ".join(f"'{one}'" for one in known)
    if not present:
        return Problem(key, "is missing", f"It is {names or 'the name of a plug-in'}.")
    if not known:
        return Problem(key, f"no plug-in {shown(kind)} is installed", _INSTALL)
    if isinstance(kind, str) and kind in Later.types:
        return Problem(key, f"{shown(kind)} {NOT_BUILT}", f"There is {names}.")
    near = get_close_matches(str(kind), known, n=1)
    meant = f"; did you mean '{near[0]}'?" if near else ""
    return Problem(key, f"expected {names}, got {shown(kind)}{meant}", "" if near else _INSTALL)
