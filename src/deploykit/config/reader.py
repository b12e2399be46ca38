"""From the tables of a file to a Config, or to one error that tells all that is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from deploykit.config.checks import consistency
from deploykit.config.document import (
    Document,
    Key,
    at,
    dotted,
    fill_in,
    fill_in_what_is_set,
    read_document,
)
from deploykit.config.explain import Problem, problems, raise_for, shown, unknown
from deploykit.config.model import (
    BACKENDS,
    AppTable,
    Backend,
    CheckTable,
    HealthTable,
    HooksTable,
    NotifyTable,
    ObserverTable,
    PluggedTable,
    RollbackTable,
    StateTable,
)
from deploykit.config.places import Place, meetings
from deploykit.config.probes import PROBES, PluggedProbeTable, ProbeTable
from deploykit.config.settings import Config
from deploykit.config.targets import choose, malformed, names, of
from deploykit.config.values import Table
from deploykit.plugins import loading

_T = TypeVar("_T", bound=Table)
_P = TypeVar("_P", bound=Table)
_Rest = tuple[
    HealthTable | None,
    list[ProbeTable | None],
    HooksTable | None,
    NotifyTable | None,
    CheckTable | None,
    list[ObserverTable | None],
]
_INSTALL = "If it is a plug-in's, install the package that brings it beside deploykit."
_TABLES = ["app", "backend", "health", "rollback", "state", "hooks", "notify", "check", "observer"]


def read_config(path: Path, environment: Mapping[str, str], target: str | None = None) -> Config:
    """Read a config file, as the target means it when it has targets. Touches nothing else.

    Raises:
        ConfigError: something is wrong; names file, key, and the key that may have been meant.
    """
    file = read_document(path, environment)
    raise_for([*malformed(file)], file)
    document = choose(file, target)
    config = _Reader(document, fill_in(document)).config()
    raise_for(consistency(config), document)
    others = [_read_unused(of(file, name)) for name in names(file) if name != target]
    raise_for(list(meetings(Place.of(config), others)), document)
    return config


def as_written(path: Path, target: str, text: str) -> str:
    """Return a message of a key, `backend.services: ...`, with the key as the file has it."""
    key, colon, rest = text.partition(":")
    document = choose(read_document(path, {}), target)
    return f"{dotted(document.written(tuple(key.split('.'))))}{colon}{rest}"


def _read_unused(document: Document) -> Place:
    """Read a target that is not the one meant: its variables need not be set.

    Raises:
        ConfigError: there is something wrong with it, whatever they will be.
    """
    reader = _Reader(document, fill_in_what_is_set(document))
    place, _ = reader.place(), reader.rest()
    raise_for([one for one in reader.found if not _hangs_on_a_variable(reader, one)], document)
    return place


def _hangs_on_a_variable(reader: "_Reader", problem: Problem) -> bool:
    return problem.in_words and "$" in str(at(reader.tables, problem.key))


@dataclass
class _Reader:
    document: Document
    tables: Mapping[str, object]
    found: list[Problem] = field(default_factory=list)

    def config(self) -> Config:
        """Return the config.

        Raises:
            ConfigError: for all that is wrong.
        """
        place, (health, probes, hooks, notify, check, observers) = self.place(), self.rest()
        app, backend, rollback, state = place.app, place.backend, place.rollback, place.state
        raise_for(self.found, self.document)
        assert app and backend and health and rollback and state and hooks and notify and check  # noqa: S101, PT018 - else there was a problem
        chosen = tuple(probe for probe in probes if probe)
        told = tuple(observer for observer in observers if observer)
        return Config(self.document, app, backend, health, chosen, rollback, state, hooks, notify, check, told)

    def place(self) -> Place:
        """Read the tables that say where the app is, and what is remembered of it."""
        self.found += [unknown((name,), _TABLES) for name in self.tables if name not in _TABLES]
        return Place(
            self.document,
            self._table(AppTable, ("app",)),
            self._backend(),
            self._table(RollbackTable, ("rollback",)),
            self._table(StateTable, ("state",)),
        )

    def rest(self) -> _Rest:
        """Read the other tables."""
        health_table, probe_tables = self._split_health()
        listed = self._list(("observer",), self.tables.get("observer", []))
        return (
            self._table(HealthTable, ("health",), health_table),
            [self._probe(("health", "probe", index), table) for index, table in enumerate(probe_tables)],
            self._table(HooksTable, ("hooks",)),
            self._table(NotifyTable, ("notify",)),
            self._table(CheckTable, ("check",)),
            [self._observer(("observer", index), table) for index, table in enumerate(listed)],
        )

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
    near = get_close_matches(str(kind), known, n=1)
    meant = f"; did you mean '{near[0]}'?" if near else ""
    return Problem(key, f"expected {names}, got {shown(kind)}{meant}", "" if near else _INSTALL, in_words=True)
