"""What two releases differ in: the image, and each file that they were kept with. Values of variables are not shown."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import StringIO
from urllib.parse import unquote

from deploykit.protocols import ReleaseFiles
from deploykit.record import IMAGE, Change
from deploykit.redact import Redactor, is_secret
from deploykit.release import ImageRef, Release, Snapshot

_OF_VARIABLES = ("env", "variables")
"""What a kept file that holds variables has in its name."""
_ENVIRONMENT = "environment"
_MOST_PARTS, _MOST_LINES, _LONGEST = 8, 12, 160
"""What is kept of changes, with a failure."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A part that is another one, and in what: lines as `diff` has them, names alone where values may be secret."""

    part: str
    lines: Sequence[str]


def differences(first: Release, second: Release, files: tuple[Snapshot, Snapshot]) -> list[Difference]:
    """Return the parts that differ; `files` are those that the two were kept with."""
    found = [Difference(IMAGE, lines)] if (lines := _of_images(first.image, second.image)) else []
    redact = Redactor(_all_variables(files))
    names = sorted({*files[0].files, *files[1].files})
    for name in names:
        old, new = (one.files.get(name, b"") for one in files)
        if old != new:
            found.append(Difference(unquote(name), [redact(line) for line in _of_files(name, old, new)]))
    return found


def changes(
    old: Release | None, new: Release | None, files: ReleaseFiles, redact: Callable[[str], str]
) -> tuple[Change, ...] | None:
    """Return what the new release has other than the old one, as much as is kept with a deployment.

    None when that is not known. It is only told, so nothing fails for it.
    """
    if old is None or new is None:
        return None
    with suppress(Exception):
        found = differences(old, new, (files.read(old.id), files.read(new.id)))[:_MOST_PARTS]
        return tuple(
            Change(one.part, tuple(redact(line)[:_LONGEST] for line in one.lines[:_MOST_LINES])) for one in found
        )
    return None


def _of_images(old: ImageRef, new: ImageRef) -> list[str]:
    pairs = [(old.name, new.name), (old.digest or "", new.digest or ""), (old.id or "", new.id or "")]
    return [line for one, other in dict.fromkeys(pairs) if one != other for line in (f"- {one}", f"+ {other}")]


def _all_variables(snapshots: Iterable[Snapshot]) -> dict[str, str]:
    pairs = (pair for one in snapshots for pair in one.files.items())
    held = [_variables(content) for name, content in pairs if _holds_variables(name)]
    return {f"{number} {name}": value for number, one in enumerate(held) for name, value in one.items()}


def _of_files(name: str, old: bytes, new: bytes) -> Iterator[str]:
    """Compare variables by their names, settings by their paths; of what is neither only the sizes are told."""
    if _holds_variables(name):
        yield from _of_variables(_variables(old), _variables(new))
        return
    before, after = _settings(old), _settings(new)
    if before is None or after is None:
        yield from (f"- {len(old)} bytes", f"+ {len(new)} bytes")
    else:
        yield from _of_settings(before, after)


def _holds_variables(name: str) -> bool:
    return any(word in name.lower() for word in _OF_VARIABLES)


def _is_hidden(path: str) -> bool:
    """Whether the value at a path is not shown: a variable's, or what is named like a secret."""
    return any(part == _ENVIRONMENT or part.isupper() or is_secret(part) for part in path.split("."))


def _settings(content: bytes) -> dict[str, str] | None:
    """Return each setting by its path; None for what is no table of settings."""
    try:
        table = json.loads(content or b"{}")
    except ValueError:
        return None
    return dict(_flat(table)) if isinstance(table, dict) else None


def _flat(table: Mapping[str, object], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", json.dumps(value)


def _of_settings(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for path in sorted({*old, *new}):
        if old.get(path) == new.get(path):
            continue
        if _is_hidden(path):
            yield from _of_variables(*({path: one[path]} if path in one else {} for one in (old, new)))
            continue
        yield from (f"{sign} {path} = {one[path]}" for sign, one in (("-", old), ("+", new)) if path in one)


def _of_variables(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for name in sorted({*old, *new}):
        if name not in new:
            yield f"- {name}"
        elif name not in old:
            yield f"+ {name}"
        elif old[name] != new[name]:
            yield f"  {name} has another value"


def _variables(content: bytes) -> dict[str, str]:
    """Return the variables of a table, or of an env file, whose values may go over several lines."""
    from dotenv import dotenv_values  # late: it takes 30 ms, and few verbs need it

    text = content.decode(errors="replace")
    try:
        table = json.loads(text)
    except ValueError:
        table = dotenv_values(stream=StringIO(text), interpolate=False)
    pairs = table.items() if isinstance(table, dict) else ()
    return {str(name): value if isinstance(value, str) else json.dumps(value) for name, value in pairs}
