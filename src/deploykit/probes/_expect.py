"""What a JSON body says, against what it should say."""

import json
import re
from collections.abc import Callable, Mapping
from typing import NoReturn

Show = Callable[[str, int], str]
_SHOWN = 60
_INDEX = re.compile(r"[0-9]{1,9}", re.ASCII)


def parsed(body: bytes) -> object:
    """Read strict JSON: no NaN, no Infinity.

    Raises:
        ValueError: it is not JSON; nested too deeply counts as that.
    """
    try:
        return json.loads(body, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _refuse(constant: str) -> NoReturn:
    msg = f"it has no {constant}"
    raise ValueError(msg)


def mismatches(document: object, expected: Mapping[str, object], show: Show) -> list[str]:
    """Return a few words for each path whose value is missing or another one."""
    return [words for path, wanted in expected.items() if (words := _mismatch(document, path, wanted, show))]


def _mismatch(document: object, path: str, wanted: object, show: Show) -> str:
    try:
        found = _at(document, path)
    except LookupError:
        return f"{path} is missing"
    return "" if _equal(found, wanted) else f"{path} is {_shown(found, show)}, not {_shown(wanted, show)}"


def _at(document: object, path: str) -> object:
    for step in path.split("."):
        match document:
            case dict():
                document = document[step]
            case list() if _INDEX.fullmatch(step):
                document = document[int(step)]
            case _:
                raise LookupError(step)
    return document


def _equal(found: object, wanted: object) -> bool:
    """Compare as JSON does: `true` is not 1, but 1 is 1.0."""
    match found, wanted:
        case bool(), _:
            return found is wanted
        case _, bool():
            return False
        case dict(), Mapping():
            return found.keys() == wanted.keys() and all(_equal(found[key], wanted[key]) for key in found)
        case list(), list() | tuple():
            return len(found) == len(wanted) and all(map(_equal, found, wanted))
        case _:
            return found == wanted


def _shown(value: object, show: Show) -> str:
    match value:
        case dict():
            return "an object"
        case list() | tuple():
            return "a list"
        case _:
            return show(json.dumps(value, ensure_ascii=False), _SHOWN)
