"""A TOML file as it is written, and with its variables filled in."""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from deploykit.config.variables import BadVariable, certain, interpolate, named
from deploykit.errors import ConfigError
from deploykit.redact import Redactor

_LARGEST = 1 << 20
LAZY = ("app", "tag")
"""The key whose variables are filled in only when it is needed."""

Key = tuple[str | int, ...]
_Fill = Callable[[Key, str], str]


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says, and the variables to fill in; `name` is how messages call it.

    Of a target, `tables` are what the file means with it, and `own` is what the target's own table says.
    """

    path: Path
    tables: Mapping[str, object]
    environment: Mapping[str, str]
    target: str | None = None
    own: Mapping[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.path)

    def redact(self, text: str) -> str:
        """Return the text without the values of the secret-looking variables that the file names."""
        names = {name for one in texts(self.tables) for name in named(one)}
        return Redactor({name: value for name, value in self.environment.items() if name in names})(text)

    def at(self, key: Key) -> object:
        """Return what is written there; None when nothing is."""
        return at(self.tables, key)

    def written(self, key: Key) -> Key:
        """Return a key as it stands in the file: below its target where that says it, or would have to."""
        missing_there = self.at(key) is None and at(self.own, key[:-1]) is not None
        if self.target is None or (at(self.own, key) is None and not missing_there):
            return key
        return ("target", self.target, *key)

    def error(self, key: Key, problem: str, hint: str = "") -> ConfigError:
        """Return an error that names file and key."""
        return ConfigError(f"{self.name}: {dotted(self.written(key))}: {problem}", hint=hint)


def at(tables: object, key: Key) -> object:
    """Return what is at a key of some tables; None when nothing is."""
    found = tables
    for step in key:
        try:
            found = found[step]  # type: ignore[index]  # what cannot be indexed raises TypeError
        except (LookupError, TypeError):
            return None
    return found


def texts(value: object) -> Iterator[str]:
    """Yield every text in a value of a file."""
    match value:
        case str():
            yield value
        case Mapping():
            yield from (text for one in value.values() for text in texts(one))
        case list():
            yield from (text for one in value for text in texts(one))
        case _:
            return


def dotted(key: Key) -> str:
    """Return a key as messages name it: `health.probe[0].url`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in key)
    return text.removeprefix(".")


def read_document(path: Path, environment: Mapping[str, str]) -> Document:
    """Read a TOML file.

    Raises:
        ConfigError: it is not there, cannot be read, or is no TOML; the message names file and line.
    """
    text = read_text(path)
    try:
        return Document(path, tomllib.loads(text), environment)
    except RecursionError as error:
        msg = f"{path} is not valid TOML: nested too deeply"
        raise ConfigError(msg) from error
    except ValueError as error:
        msg = f"{path} is not valid TOML: {error}"
        raise ConfigError(msg, hint="Mend that line; texts stand in quotes, tables in [brackets].") from error


def read_text(path: Path) -> str:
    """Return the text of a config file; raises ConfigError when it cannot be read."""
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
        if len(raw) > _LARGEST:
            msg = f"{path} is too large for a config file: more than 1 MiB"
            raise ConfigError(msg)
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError as error:
        msg = f"there is no config file {path}"
        raise ConfigError(msg, hint="Name it: `deploykit VERB FILE.toml`, -c FILE, or $DEPLOYKIT_CONFIG.") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        msg = f"{path} is not valid TOML: line {line} is not UTF-8"
        raise ConfigError(msg, hint="Save the file as UTF-8.") from error
    except (OSError, ValueError) as error:
        msg = f"the config file {path} cannot be read: {getattr(error, 'strerror', None) or error}"
        raise ConfigError(msg) from error


def fill_in(document: Document) -> dict[str, object]:
    """Return the tables with every variable filled in, but for `app.tag`."""
    return _all_filled(document, partial(fill_in_text, document))


def fill_in_what_is_set(document: Document) -> dict[str, object]:
    """Return the tables; a text with a variable that is not set stays as it is written."""
    return _all_filled(document, partial(_fill_in_what_is_set, document))


def fill_in_text(document: Document, key: Key, text: str) -> str:
    """Return one text with its variables filled in; errors name its key."""
    try:
        return interpolate(text, document.environment)
    except BadVariable as error:
        raise document.error(key, str(error), error.hint) from error


def _fill_in_what_is_set(document: Document, _: Key, text: str) -> str:
    filled = certain(text, document.environment)
    return text if filled is None else filled


def _all_filled(document: Document, fill: _Fill) -> dict[str, object]:
    return {name: _filled(fill, (name,), value) for name, value in document.tables.items()}


def _filled(fill: _Fill, key: Key, value: object) -> object:
    match value:
        case str() if key != LAZY:
            return fill(key, value)
        case dict():
            return {name: _filled(fill, (*key, name), one) for name, one in value.items()}
        case list():
            return [_filled(fill, (*key, index), one) for index, one in enumerate(value)]
        case _:
            return value
