"""What two releases differ in: the image, and each file that they were kept with. Values of variables are not shown."""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from deploykit.release import ImageRef, Release, Snapshot

CONTEXT = 2
"""Lines that are shown around a change."""
_HIDDEN = ("env", "variables")


@dataclass(frozen=True, slots=True)
class Difference:
    """A part that is another one, and in what: lines as `diff` has them, names alone where values may be secret."""

    part: str
    lines: Sequence[str]


def differences(first: Release, second: Release, files: tuple[Snapshot, Snapshot]) -> list[Difference]:
    """Return the parts that differ; `files` are those that the two were kept with."""
    found = [Difference("image", lines)] if (lines := _of_images(first.image, second.image)) else []
    names = sorted({*files[0].files, *files[1].files})
    for name in names:
        old, new = (one.files.get(name, b"") for one in files)
        if old != new:
            found.append(Difference(unquote(name), list(_of_files(name, old, new))))
    return found


def _of_images(old: ImageRef, new: ImageRef) -> list[str]:
    pairs = [(old.name, new.name), (old.digest or "", new.digest or ""), (old.id or "", new.id or "")]
    return [line for one, other in pairs if one != other for line in (f"- {one}", f"+ {other}")]


def _of_files(name: str, old: bytes, new: bytes) -> Iterator[str]:
    """Compare by lines; of what may hold secrets only the names of variables are told."""
    if _hides(name):
        yield from _of_variables(_variables(old), _variables(new))
        return
    before, after = (text.decode(errors="replace").splitlines() for text in (old, new))
    yield from list(difflib.unified_diff(before, after, n=CONTEXT, lineterm=""))[2:]


def _hides(name: str) -> bool:
    return any(word in name.lower() for word in _HIDDEN) or name.startswith(".")


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
    return {str(name): json.dumps(value) for name, value in table.items()} if isinstance(table, dict) else {}
