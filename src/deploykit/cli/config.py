"""`deploykit config`."""

import argparse
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploykit.cli.app import opened
from deploykit.cli.output import say
from deploykit.observers.json import dump, plain
from deploykit.text import one_line

if TYPE_CHECKING:
    from deploykit.config.document import Key
    from deploykit.config.origins import Origin, Origins

WORDS = ""
_WIDE = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `config`."""
    parser.add_argument("--tag", metavar="TAG", help="show it as it is with this tag")


def run(args: argparse.Namespace) -> int:
    """Show the config, complete, and without its secrets, and where each value comes from."""
    from deploykit.config import find_config
    from deploykit.config.origins import Origin, Origins
    from deploykit.release import check_tag

    with opened(args) as app:
        config = dict(app.config)
    path = Path(args.config or find_config(os.environ))
    shown = _Shown(
        one_line(path.name), Origins(path, os.environ, args.target), Origin("--tag") if args.tag is not None else None
    )
    if args.tag is not None:
        app_table: Any = config["app"]
        config["app"] = {**app_table, "tag": check_tag(args.tag)}
    if args.json:
        tables = {name: plain(table) for name, table in config.items()}
        say(dump(tables | {"origins": dict(shown.documents((), config))}))
    else:
        say("\n".join(shown.toml((), config)).strip())
    return 0


@dataclass(frozen=True, slots=True)
class _Shown:
    """The tables of a file, as TOML with comments, and as JSON. `of_tag`: where the tag comes from, if not from it."""

    file: str
    origins: "Origins"
    of_tag: "Origin | None"

    def toml(self, above: "Key", tables: Mapping[str, object]) -> Iterator[str]:
        for name, table in tables.items():
            key = (*above, name)
            match table:
                case Mapping():
                    yield from self._section(f"[{_dotted(key)}]", key, table)
                case list() if _is_tables(table):
                    for index, one in enumerate(table):
                        yield from self._section(f"[[{_dotted(key)}]]", (*key, index), one)

    def documents(self, above: "Key", tables: Mapping[str, object]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the origin of each value, by its key as messages name it."""
        from deploykit.config.document import dotted

        for name, value in tables.items():
            key = (*above, name)
            if isinstance(value, list) and _is_tables(value):
                for index, one in enumerate(value):
                    yield from self.documents((*key, index), one)
            elif not above and isinstance(value, Mapping):
                yield from self.documents(key, value)
            else:
                yield dotted(key), self._document(key)

    def _section(self, head: str, key: "Key", table: Mapping[str, object]) -> Iterator[str]:
        below = {name: value for name, value in table.items() if isinstance(value, list) and _is_tables(value)}
        yield from ("", head)
        yield from _aligned(
            [
                (f"{name} = {_value(value)}", self._told((*key, name)))
                for name, value in table.items()
                if name not in below
            ]
        )
        yield from self.toml(key, below)

    def _origin(self, key: "Key") -> "Origin":
        return self.of_tag if self.of_tag and key == ("app", "tag") else self.origins.of(key)

    def _told(self, key: "Key") -> str:
        origin = self._origin(key)
        place = self.file if origin.place == "file" else origin.place
        line = f"{place}:{origin.line}" if origin.line else place
        unset = (f"${name} is not set" for name in origin.unset)
        return ", ".join((line, *(f"${name}" for name in origin.variables), *unset))

    def _document(self, key: "Key") -> dict[str, Any]:
        origin = self._origin(key)
        told = {"line": origin.line, "variables": list(origin.variables), "unset": list(origin.unset)}
        return {"from": origin.place, **{name: value for name, value in told.items() if value}}


def _aligned(lines: list[tuple[str, str]]) -> Iterator[str]:
    """Put the comments below each other, but for those of long values."""
    width = max((len(text) for text, _ in lines if len(text) <= _WIDE), default=0)
    yield from (f"{text:<{width}}  # {comment}" for text, comment in lines)


def _dotted(key: "Key") -> str:
    return ".".join(str(step) for step in key if isinstance(step, str))


def _is_tables(value: list[Any]) -> bool:
    return bool(value) and all(isinstance(one, Mapping) for one in value)


def _value(value: object) -> str:
    match value:
        case Mapping():
            inside = ", ".join(f"{json.dumps(key)} = {_value(one)}" for key, one in value.items())
            return f"{{ {inside} }}" if inside else "{}"
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case _:
            return json.dumps(value, ensure_ascii=False)
