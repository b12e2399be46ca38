"""Where each value of a config comes from: a line of its file, variables of the environment, or a default."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploykit.config.document import Key, read_document, read_text, texts
from deploykit.config.targets import choose
from deploykit.config.variables import named

_MOST_LINES = 2000
"""Each line is one more look at all before it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from: `file`, `default`, or `--tag`.

    `line` is where it begins in the file. `variables` are those in it that are set, `unset` those that are not.
    """

    place: str = "default"
    line: int | None = None
    variables: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()


class Origins:
    """The origins of a file's values, by key: `("app", "image")`, `("health", "probe", 0, "url")`.

    Of a target, what its own table says comes before the rest.
    """

    def __init__(self, path: Path, environment: Mapping[str, str], target: str | None = None) -> None:
        self._file = read_document(path, environment)
        self._meant = choose(self._file, target)
        self._lines = lines_of(read_text(path))

    def of(self, key: Key) -> Origin:
        """Return where the value of a key comes from."""
        written = self._meant.written(key)
        value = self._file.at(written)
        if value is None:
            return Origin()
        names = tuple(dict.fromkeys(name for text in texts(value) for name in named(text)))
        given = tuple(name for name in names if self._file.environment.get(name))
        return Origin("file", self._lines.get(written), given, tuple(name for name in names if name not in given))


def lines_of(text: str) -> dict[Key, int]:
    """Return the line at which each key's value begins.

    It is where the text, cut off after a line, first has the key. A cut within a value is no TOML, and passed over.
    """
    lines = text.splitlines(keepends=True)
    found: dict[Key, int] = {}
    begin = 1
    for number in range(1, min(len(lines), _MOST_LINES) + 1):
        try:
            tables = tomllib.loads("".join(lines[:number]))
        except (ValueError, RecursionError):
            continue
        for key in _keys((), tables):
            found.setdefault(key, begin)
        begin = number + 1
    return found


def _keys(above: Key, value: object) -> Iterator[Key]:
    """Yield the keys of tables, and of those in lists."""
    inside: Iterator[tuple[str | int, object]] = iter(())
    if isinstance(value, dict):
        inside = iter(value.items())
    elif isinstance(value, list):
        inside = iter(enumerate(value))
    for step, one in inside:
        yield (*above, step)
        yield from _keys((*above, step), one)
