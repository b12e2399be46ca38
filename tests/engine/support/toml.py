"""Writes the TOML that the tests need."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Mapping


def dumps(tables: Mapping[str, Mapping[str, object]]) -> str:
    """Return a document of tables; a list of tables in one becomes an array of tables."""
    return "\n".join(_table(name, table) for name, table in tables.items())


def _table(name: str, table: Mapping[str, object]) -> str:
    arrays = {key: value for key, value in table.items() if _is_array_of_tables(value)}
    text = _section(f"[{name}]", {key: value for key, value in table.items() if key not in arrays})
    for key, tables in arrays.items():
        text += "".join(_section(f"\n[[{name}.{key}]]", each) for each in cast("list[dict[str, object]]", tables))
    return text


def _section(head: str, table: Mapping[str, object]) -> str:
    return "\n".join([head, *(f"{key} = {_value(value)}" for key, value in table.items())]) + "\n"


def _is_array_of_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _value(value: object) -> str:
    match value:
        case dict():
            return "{ " + ", ".join(f"{json.dumps(key)} = {_value(each)}" for key, each in value.items()) + " }"
        case list() | tuple():
            return "[" + ", ".join(map(_value, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)
