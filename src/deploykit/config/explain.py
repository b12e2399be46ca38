"""What pydantic found wrong, in words for people."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from deploykit.config.document import Document, Key, dotted
from deploykit.config.model import BACKENDS
from deploykit.config.variables import named
from deploykit.errors import ConfigError
from deploykit.redact import is_secret

_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong at a key. `near` is the name that was meant in the place of its last one.

    `in_words`: it is what the text there says that is wrong, and a variable in it may say something else.
    """

    key: Key
    text: str
    hint: str = ""
    near: str = ""
    in_words: bool = False

    def told(self, document: Document) -> str:
        """Return it with its key as that is written."""
        key = document.written(self.key)
        meant = f"; did you mean {dotted((*key[:-1], self.near))}?" if self.near else ""
        return f"{dotted(key)}: {self.text}{meant}"


def problems(error: ValidationError, at: Key, model: type[BaseModel], document: Document) -> Iterator[Problem]:
    """Yield what is wrong with the table at that key."""
    # A misspelt key first: it explains why another one is missing.
    for found in sorted(error.errors(include_url=False), key=lambda one: one["type"] != "extra_forbidden"):
        key = (*at, *found["loc"])
        kind, context = found["type"], found.get("ctx", {})
        if kind == "extra_forbidden":
            yield unknown(key, list(model.model_fields))
        elif kind == "deploykit":
            yield Problem(key, context["message"], _unset(key, document) or context["hint"], in_words=True)
        else:
            words = _WORDS[kind](context) if kind in _WORDS else found["msg"].lower()
            text, hint = words + _got(kind, key, document), _hint(kind, document.at(key))
            yield Problem(key, text, hint, in_words=kind == "literal_error")


def unknown(key: Key, known: list[str]) -> Problem:
    """Say that there is no such key, and which may have been meant."""
    *table, name = key
    near = get_close_matches(str(name), known, n=1)
    types = [one for one, model in BACKENDS.items() if name in model.model_fields and table == ["backend"]]
    what = f"a key of type {' or '.join(types)} alone" if types else "unknown key"
    return Problem(key, what, f"Known here: {', '.join(sorted(known))}.", near[0] if near else "")


def raise_for(found: list[Problem], document: Document) -> None:
    """Raise one error for all problems, if there are any."""
    if found:
        text = "; ".join(dict.fromkeys(problem.told(document) for problem in found))
        hint = next((problem.hint for problem in found if problem.hint), "")
        raise ConfigError(document.redact(f"{document.name}: {text}"), hint=document.redact(hint))


def shown(value: object) -> str:
    """Return a value as messages show it."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return repr(value if len(value) <= _LONGEST else value[: _LONGEST - 1] + "…")
        case dict():
            return "a table"
        case list():
            return "a list"
        case _:
            return str(value)


def _got(kind: str, key: Key, document: Document) -> str:
    # As it is written, so that no variable's value gets into a message.
    if kind in {"missing", "too_short"} or any(is_secret(str(step)) for step in key):
        return ""
    return f", got {shown(document.at(key))}"


def _unset(key: Key, document: Document) -> str:
    text = document.at(key)
    names = [name for name in named(text) if not document.environment.get(name)] if isinstance(text, str) else []
    return f"Not set: {', '.join(names)}." if names else ""


def _hint(kind: str, value: object) -> str:
    if kind in _UNQUOTED and isinstance(value, str) and "$" not in value:
        return "Write it without quotes."
    return ""


_UNQUOTED = {"int_type", "float_type", "bool_type"}
_WORDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": lambda _: "is missing",
    "string_type": lambda _: "expected a text",
    "int_type": lambda _: "expected a whole number",
    "int_from_float": lambda _: "expected a whole number",
    "float_type": lambda _: "expected a number",
    "finite_number": lambda _: "expected a number",
    "bool_type": lambda _: "expected true or false",
    "tuple_type": lambda _: "expected a list",
    "list_type": lambda _: "expected a list",
    "dict_type": lambda _: "expected a table",
    "model_type": lambda _: "expected a table",
    "too_short": lambda _: "is empty",
    "literal_error": lambda context: f"expected {context['expected']}",
    "greater_than": lambda context: f"must be more than {context['gt']:g}",
    "greater_than_equal": lambda context: f"must be at least {context['ge']:g}",
}
