"""What two releases differ in: the image, and each file that they were kept with. Values of variables are not shown."""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from deploykit.redact import BLANK, Redactor, is_secret
from deploykit.release import ImageRef, Release, Snapshot

CONTEXT = 2
"""Lines that are shown around a change."""
_HIDDEN = ("env", "variables")
"""What of it is named so holds variables: an env file, a table `environment`."""
_NAMED = re.compile(r"""(?P<before>[-+ ]?[\s"'-]*)(?P<name>[A-Za-z_][\w.]*)(?P<sign>["']?\s*[:=]\s*)\S""")


@dataclass(frozen=True, slots=True)
class Difference:
    """A part that is another one, and in what: lines as `diff` has them, names alone where values may be secret."""

    part: str
    lines: Sequence[str]


def differences(first: Release, second: Release, files: tuple[Snapshot, Snapshot]) -> list[Difference]:
    """Return the parts that differ; `files` are those that the two were kept with."""
    found = [Difference("image", lines)] if (lines := _of_images(first.image, second.image)) else []
    redact = Redactor(_all_variables(files))
    names = sorted({*files[0].files, *files[1].files})
    for name in names:
        old, new = (one.files.get(name, b"") for one in files)
        if old != new:
            found.append(Difference(unquote(name), [redact(line) for line in _of_files(name, old, new)]))
    return found


def _of_images(old: ImageRef, new: ImageRef) -> list[str]:
    pairs = [(old.name, new.name), (old.digest or "", new.digest or ""), (old.id or "", new.id or "")]
    return [line for one, other in pairs if one != other for line in (f"- {one}", f"+ {other}")]


def _all_variables(snapshots: Iterable[Snapshot]) -> dict[str, str]:
    pairs = (pair for one in snapshots for pair in one.files.items())
    held = [_variables(content) for name, content in pairs if _holds_variables(name)]
    return {f"{number} {name}": value for number, one in enumerate(held) for name, value in one.items()}


def _of_files(name: str, old: bytes, new: bytes) -> Iterator[str]:
    """Compare settings by their keys, variables by their names, and any other text by lines."""
    settings = _settings(old), _settings(new)
    if _holds_variables(name):
        yield from _of_variables(_variables(old), _variables(new))
    elif settings[0] is not None and settings[1] is not None:
        yield from _of_settings(settings[0], settings[1])
    else:
        before, after = (text.decode(errors="replace").splitlines() for text in (old, new))
        yield from map(_without_values, list(difflib.unified_diff(before, after, n=CONTEXT, lineterm=""))[2:])


def _holds_variables(name: str) -> bool:
    return any(word in name.lower() for word in _HIDDEN)


def _is_hidden(name: str) -> bool:
    """Whether the value of that name is not shown: of variables, which are written in capitals, none is."""
    return name.isupper() or is_secret(name)


def _without_values(line: str) -> str:
    found = _NAMED.match(line)
    if found and _is_hidden(found["name"]):
        return f"{found['before']}{found['name']}{found['sign']}{BLANK}"
    return line


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
        if path.startswith(_HIDDEN) or any(map(_is_hidden, path.split("."))):
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
    """Return the variables of an env file, or of a table of them."""
    text = content.decode(errors="replace")
    try:
        table = json.loads(text)
    except ValueError:
        lines = (line.partition("=") for line in text.splitlines() if line.strip() and not line.startswith("#"))
        return {name.removeprefix("export ").strip(): value for name, _, value in lines}
    pairs = table.items() if isinstance(table, dict) else ()
    return {str(name): value if isinstance(value, str) else json.dumps(value) for name, value in pairs}
