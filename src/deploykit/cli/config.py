"""`deploykit config`."""

import argparse
import json
from collections.abc import Iterator, Mapping

from deploykit.cli.app import opened
from deploykit.cli.output import say
from deploykit.observers.json import dump, plain

WORDS = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `config`: none of its own."""


def run(args: argparse.Namespace) -> int:
    """Show the config, complete, and without its secrets."""
    with opened(args) as app:
        config = app.config
    if args.json:
        say(dump(plain(config)))
    else:
        say("\n".join(_toml(config)).strip())
    return 0


def _toml(tables: Mapping[str, object], prefix: str = "") -> Iterator[str]:
    for name, table in tables.items():
        match table:
            case Mapping():
                yield from _section(f"[{prefix}{name}]", f"{prefix}{name}.", table)
            case list() if table and all(isinstance(one, Mapping) for one in table):
                for one in table:
                    yield from _section(f"[[{prefix}{name}]]", f"{prefix}{name}.", one)


def _section(head: str, prefix: str, table: Mapping[str, object]) -> Iterator[str]:
    below = {name: value for name, value in table.items() if _is_tables(value)}
    yield from ("", head)
    yield from (f"{name} = {_value(value)}" for name, value in table.items() if name not in below)
    yield from _toml(below, prefix)


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) for one in value)


def _value(value: object) -> str:
    match value:
        case Mapping():
            inside = ", ".join(f"{json.dumps(key)} = {_value(one)}" for key, one in value.items())
            return f"{{ {inside} }}" if inside else "{}"
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case _:
            return json.dumps(value, ensure_ascii=False)
