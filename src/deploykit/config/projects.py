"""What Compose calls a project, told without asking it."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from io import StringIO
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
    written = ["", *(name for file in files if (name := _written(file)))][-1]
    variables = {**_filling_in(folder, environment, written), **environment}
    if named := variables.get(_VARIABLE):
        return _normal(named)
    name = certain(written, variables)
    return written if name is None else _normal(name) or _normal(folder.name)


def _normal(name: str) -> str:
    return re.sub(r"[^a-z0-9_-]", "", name.lower()).lstrip("_-")


def _filling_in(folder: Path, environment: Mapping[str, str], name: str) -> dict[str, str]:
    """Return what fills in for the shell, where a name may hang on it."""
    found: dict[str, str] = {}
    for file in (environment.get("COMPOSE_ENV_FILES") or str(folder / ".env")).split(","):
        text = _text(Path(file))
        if _VARIABLE in text or ("$" in name and text):
            from dotenv import dotenv_values  # late: it takes 30 ms

            found |= {key: value or "" for key, value in dotenv_values(stream=StringIO(text)).items()}
    return found


def _text(file: Path) -> str:
    """Return what is in a file: nothing, where Compose will say what is wrong with it."""
    try:
        return file.read_text("utf-8", errors="replace")
    except OSError:
        return ""


def _written(file: Path) -> str | None:
    """Return the name that a compose file says at its top; what it says below is none."""
    text = _text(file)
    if text.lstrip().startswith("{"):
        return _written_as_json(text)
    found = _NAME.search(text)
    return next(filter(None, found.groups()), None) if found else None


def _written_as_json(text: str) -> str | None:
    try:
        name = json.loads(text).get("name")
    except (ValueError, RecursionError):
        return None
    return name if isinstance(name, str) else None
