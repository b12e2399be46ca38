"""What a config file needs on a test's machine, where neither it nor its variables need be."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from deploykit.config.document import LAZY, read_document, texts
from deploykit.config.variables import wanted
from deploykit.errors import ConfigError

_HERE = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}
"""The engine of a test's machine is local, whatever its shell says: none is asked."""
_STAND_IN = """\
[app]
name = {name}
image = {image}
[backend]
type = "process"
command = ["false"]
[[health.probe]]
type = "tcp"
port = 1
"""


def stand_in(folder: Path, path: Path, target: str | None) -> Path:
    """Write a config file for one that is not there, named after it."""
    name = re.sub(r"[^a-z0-9_-]+", "-", path.stem.lower())[:63].strip("-_") or "app"
    text = _STAND_IN.format(name=json.dumps(name), image=json.dumps(f"example.com/{name.replace('_', '-')}"))
    made = folder / path.name
    made.write_text(text if target is None else f"{text}[target.{json.dumps(target)}]\n")
    return made


def variables(path: Path, environment: Mapping[str, str]) -> Mapping[str, str]:
    """Return the variables, with something for each that the file cannot do without; but for the tag's own.

    A script that forgets the tag must not get one.
    """
    try:
        document = read_document(path, {})
    except ConfigError:
        return environment  # whoever reads it in earnest says what is wrong
    tag = document.at(LAZY)
    tags = set(wanted(tag)) if isinstance(tag, str) else set()
    named = {name for text in texts(document.tables) for name in wanted(text)}
    return {**{name: _value(name) for name in named - tags}, **environment, **_HERE}


def _value(name: str) -> str:
    """Return what may stand in most places: in an image's name, a path, a host; or an URL, or a port."""
    word = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "x"
    if name.upper().endswith("URL"):
        return f"http://{word}.invalid"
    return "80" if name.upper().endswith("PORT") else word
