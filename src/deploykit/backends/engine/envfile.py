"""Env files, as Compose reads them."""

from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from deploykit.errors import ConfigError


def read_env_file(path: Path, shell: Mapping[str, str], key: str) -> dict[str, str]:
    """Return what an env file says; a name without a value is taken over from the shell. `key` is what names the file.

    Raises:
        ConfigError: it cannot be read.
    """
    from dotenv import dotenv_values  # late: it takes 30 ms, and few have such a file
    from dotenv.parser import parse_stream

    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        msg = f"{key}: {path} cannot be read: {reason}"
        raise ConfigError(msg, hint="Is the name right, and may this user read it?") from error
    wrong = next((binding.original for binding in parse_stream(StringIO(text)) if binding.error), None)
    if wrong is not None:
        blank = wrong.string[: -len(wrong.string.lstrip())].count("\n")  # it begins with the blank lines before
        msg = f"{key}: {path.name}, line {wrong.line + blank} is no NAME=VALUE"
        raise ConfigError(msg)
    values = dotenv_values(stream=StringIO(text))
    filled = {name: shell.get(name) if value is None else value for name, value in values.items()}
    return {name: value for name, value in filled.items() if value is not None}
