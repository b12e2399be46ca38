"""The kinds of values that keys of the config file have."""

import re
from collections.abc import Callable
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from deploykit.errors import ConfigError
from deploykit.release import ImageRef


class Table(BaseModel):
    """A table of the file: its keys, and nothing else."""

    # Built when they are needed: no config has a table of every kind.
    model_config: ClassVar[ConfigDict] = ConfigDict(
        strict=True, extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True
    )


def problem(message: str, hint: str = "") -> PydanticCustomError:
    """Return an error for a value, in our own words."""
    return PydanticCustomError("deploykit", "{message}", {"message": message, "hint": hint})


def _matching(pattern: str, what: str, hint: str) -> Callable[[str], str]:
    compiled = re.compile(pattern, re.ASCII)

    def check(text: str) -> str:
        if not text:
            raise problem("is empty", hint)
        if not compiled.fullmatch(text):
            raise problem(f"not {what}: {text[:80]!r}", hint)
        return text

    return check


def _image(text: str) -> str:
    if not text:
        raise problem("is empty", "It looks like ghcr.io/team/app.")
    try:
        ImageRef.parse(text)
    except ConfigError as error:
        raise problem(str(error), error.hint) from error
    return text


def _path(text: str) -> str:
    if not text:
        raise problem("is empty")
    if not text.isprintable():
        raise problem(f"not a path: {text[:80]!r}")
    return text


def _url(text: str) -> str:
    """Never tells what it is: who knows the URL can post there."""
    hint = "It looks like https://hooks.example/services/T0/B0."
    try:
        parts = urlsplit(text)
        right = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError as error:
        raise problem("not an http or https URL", hint) from error
    if not right or not text.isascii() or not text.isprintable() or " " in text:
        raise problem("not an http or https URL", hint)
    if parts.username is not None:
        raise problem("has a user or a password in it", "Send it in headers, as Authorization.")
    return text


def _listed(value: object) -> object:
    """Take one value for a list of one."""
    return value if isinstance(value, list) else [value]


def flat(table: object) -> object:
    """Turn nested tables into dotted paths: TOML reads `checks.database = true` as a table in a table."""
    if not isinstance(table, dict):
        return table
    paths: dict[str, object] = {}
    for name, value in table.items():
        inner = flat(value)
        nested = inner if isinstance(inner, dict) and inner else None
        paths |= {f"{name}.{path}": one for path, one in nested.items()} if nested else {name: value}
    return paths


_NAME_HINT = "1 to 63 of a-z 0-9 _ and -, the first a letter or a digit."
AppName = Annotated[str, AfterValidator(_matching(r"[a-z0-9][a-z0-9_-]{0,62}", "an app name", _NAME_HINT))]
_SERVICE_HINT = "Letters, digits, '.', '_' and '-', as in the compose file."
Service = Annotated[str, AfterValidator(_matching(r"[a-zA-Z0-9._-]+", "a service name", _SERVICE_HINT))]
ContainerName = Annotated[str, AfterValidator(_matching(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*", "a container's name", ""))]
_PROJECT_HINT = "Of a-z 0-9 _ and -, the first a letter or a digit."
ProjectName = Annotated[str, AfterValidator(_matching(r"[a-z0-9][a-z0-9_-]*", "a project's name", _PROJECT_HINT))]
_VARIABLE_HINT = "A variable has letters, digits and '_'."
Variable = Annotated[str, AfterValidator(_matching(r"[A-Za-z_][A-Za-z0-9_]*", "a variable's name", _VARIABLE_HINT))]
Image = Annotated[str, AfterValidator(_image)]
Url = Annotated[str, AfterValidator(_url)]
FilePath = Annotated[str, AfterValidator(_path)]
# TOML has lists; the values are frozen, so they become tuples. What is in them stays strict.
Arguments = Annotated[tuple[str, ...], Field(strict=False)]
# One Field each: where two are laid over each other, pydantic before 2.12 may let the key be missing.
Program = Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
Commands = Annotated[tuple[Program, ...], Field(strict=False)]
Paths = Annotated[tuple[FilePath, ...], Field(strict=False, min_length=1)]
Services = Annotated[tuple[Service, ...], Field(strict=False, min_length=1)]
Statuses = Annotated[tuple[int, ...], BeforeValidator(_listed), Field(strict=False, min_length=1)]
Seconds = Annotated[float, Field(gt=0)]
Expected = Annotated[dict[str, Any], BeforeValidator(flat)]
