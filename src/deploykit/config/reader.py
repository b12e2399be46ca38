"""From the tables of a file to a Config, or to one error that tells all that is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from deploykit.config.checks import consistency
from deploykit.config.document import Document, Key, fill_in, read_document
from deploykit.config.explain import NOT_BUILT, Problem, problems, shown, unknown
from deploykit.config.model import (
    BACKENDS,
    AppTable,
    Backend,
    CheckTable,
    HealthTable,
    HooksTable,
    Later,
    NotifyTable,
    RollbackTable,
    StateTable,
)
from deploykit.config.probes import PROBES, ProbeTable
from deploykit.config.settings import Config
from deploykit.config.values import Table
from deploykit.errors import ConfigError

_T = TypeVar("_T", bound=Table)
_TABLES = ["app", "backend", "health", "rollback", "state", "hooks", "notify", "check"]


def read_config(path: Path, environment: Mapping[str, str]) -> Config:
    """Read a config file. Touches nothing else.

    Raises:
        ConfigError: something is wrong; names file, key, and the key that may have been meant.
    """
    document = read_document(path, environment)
    config = _Reader(document, fill_in(document)).config()
    _raise_for(consistency(config), document)
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
        _raise_for(self.found, self.document)
        assert app and backend and health and rollback and state and hooks and notify and check  # noqa: S101, PT018 - else there was a problem
        chosen = tuple(probe for probe in probes if probe)
        return Config(self.document, app, backend, health, chosen, rollback, state, hooks, notify, check)

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
        model = self._model(("backend",), table, BACKENDS)
        return self._table(model, ("backend",)) if model else None

    def _probe(self, key: Key, table: object) -> ProbeTable | None:
        model = self._model(key, table, PROBES)
        return self._table(model, key, table) if model else None

    def _model(self, key: Key, table: object, models: Mapping[str, type[_T]]) -> type[_T] | None:
        if not isinstance(table, dict):
            self.found.append(Problem(key, f"expected a table, got {shown(table)}"))
            return None
        kind = table.get("type")
        if isinstance(kind, str) and kind in models:
            return models[kind]
        self.found.append(_no_such_type((*key, "type"), kind, list(models), present="type" in table))
        return None

    def _split_health(self) -> tuple[object, list[object]]:
        table = self.tables.get("health", {})
        if not isinstance(table, dict):
            return table, []
        probes = table.get("probe", [])
        if not isinstance(probes, list):
            self.found.append(Problem(("health", "probe"), "expected a list of tables", "Write [[health.probe]]."))
            probes = []
        return {name: value for name, value in table.items() if name != "probe"}, probes


def _no_such_type(key: Key, kind: object, known: list[str], *, present: bool) -> Problem:
    names = " or ".join(f"'{one}'" for one in known)
    if not present:
        return Problem(key, "is missing", f"It is {names}.")
    near = get_close_matches(str(kind), known, n=1)
    meant = f"; did you mean '{near[0]}'?" if near else ""
    return Problem(key, f"expected {names}, got {shown(kind)}{meant}")


def _raise_for(found: list[Problem], document: Document) -> None:
    """Raise one error for all problems, if there are any."""
    if found:
        text = "; ".join(dict.fromkeys(str(problem) for problem in found))
        hint = next((problem.hint for problem in found if problem.hint), "")
        raise ConfigError(document.redact(f"{document.name}: {text}"), hint=document.redact(hint))
