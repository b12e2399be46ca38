"""A config as people get to see it: complete, with absolute paths, and without its secrets."""

from collections.abc import Callable, Mapping
from typing import Any

from deploykit.config.settings import Config
from deploykit.redact import BLANK, is_secret

_PATHS = {
    ("backend", "file"),
    ("backend", "files"),
    ("backend", "env_file"),
    ("rollback", "previous_tag_file"),
    ("state", "dir"),
}


def public(config: Config) -> dict[str, Any]:
    """Return every table with its defaults. `app.tag` is as it is written: it is read only when it is needed."""
    tables = {
        "app": config.app.model_dump(),
        "backend": config.backend.model_dump(),
        "health": {**config.health.model_dump(), "probe": [probe.model_dump() for probe in config.probes]},
        "rollback": config.rollback.model_dump(),
        "state": config.state.model_dump(),
        "hooks": config.hooks.model_dump(),
        "notify": _notify(config),
        "check": config.check.model_dump(),
    }
    absolute = {
        name: {key: _absolute(config, (name, key), value) for key, value in table.items()}
        for name, table in tables.items()
    }
    plugged = {"observer": [observer.model_dump() for observer in config.observers]} if config.observers else {}
    return {name: _public("", table, config.document.redact) for name, table in (absolute | plugged).items()}


def _notify(config: Config) -> dict[str, Any]:
    table = config.notify
    headers = dict.fromkeys(table.headers, BLANK)
    return {**table.model_dump(), "url": BLANK, "headers": headers} if table.url else {}


def _absolute(config: Config, key: tuple[str, str], value: object) -> object:
    if key not in _PATHS or value is None:
        return value
    return [str(config.path(one)) for one in value] if isinstance(value, tuple) else str(config.path(str(value)))


def _public(name: str, value: object, redact: Callable[[str], str]) -> object:
    match value:
        case Mapping():
            return {key: _public(key, one, redact) for key, one in value.items() if one is not None}
        case list() | tuple():
            return [_public(name, one, redact) for one in value]
        case str():
            return BLANK if is_secret(name) and value else redact(value)
        case _:
            return value
