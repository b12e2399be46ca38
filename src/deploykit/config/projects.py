"""What Compose calls a project, told without asking it."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from deploykit.config.variables import certain

_VARIABLE = "COMPOSE_PROJECT_NAME"
_NAME = re.compile(
    r"""^["']?name["']?[ \t]*:[ \t]*(?:"([^"\n]*)"|'([^'\n]*)'|([^#\s][^#\n]*?))[ \t]*(?:#.*)?$""", re.MULTILINE
)


def project_name(files: Iterable[Path], environment: Mapping[str, str]) -> str:
    """Return the name that Compose resolves for these files; as it is written when a variable of it is not set."""
    files = [*files]
    folder = Path(os.path.normpath(files[0].absolute())).parent
    variables = {**_dotenv(folder, environment), **environment}
    if named := variables.get(_VARIABLE):
        return _normal(named)
    written = [name for file in files if (name := _written(file))]
    if not written:
        return _normal(folder.name)
    name = certain(written[-1], variables)
    return written[-1] if name is None else _normal(name) or _normal(folder.name)


def _normal(name: str) -> str:
    return re.sub(r"[^a-z0-9_-]", "", name.lower()).lstrip("_-")


def _dotenv(folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    from dotenv import dotenv_values

    files = (environment.get("COMPOSE_ENV_FILES") or str(folder / ".env")).split(",")
    found: dict[str, str] = {}
    for file in files:
        found |= {name: value for name, value in dotenv_values(file).items() if value is not None}
    return found


def _written(file: Path) -> str | None:
    """Return the name that a compose file says at its top; what it says below is none."""
    try:
        text = file.read_text("utf-8")
        if text.lstrip().startswith("{"):
            said = json.loads(text).get("name")
            return said if isinstance(said, str) else None
    except (OSError, ValueError):
        return None  # Compose will say what is wrong with it
    found = _NAME.search(text)
    return next(filter(None, found.groups()), None) if found else None
