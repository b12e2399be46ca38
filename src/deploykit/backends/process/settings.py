"""How a release is run: what is in its `settings.json`."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from string import Formatter

from deploykit.errors import ConfigError, StepFailed
from deploykit.release import Snapshot

FILE = "settings.json"


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a release, with their placeholders not yet filled in."""

    command: Sequence[str]
    environment: Mapping[str, str]
    directory: str
    stop_grace: float
    service: str

    def snapshot(self, tag: str | None) -> Snapshot:
        """Return them as a release's file, always the same bytes for the same settings, whatever the tag.

        Raises:
            ConfigError: one is wrong, or cannot be filled in for an image of that tag.
        """
        for problem in self._problems():
            raise ConfigError(problem)
        self.argv(tag, "directory")
        plain = {**asdict(self), "command": list(self.command), "environment": dict(self.environment)}
        return Snapshot({FILE: json.dumps(plain, sort_keys=True, indent=1).encode() + b"\n"})

    @classmethod
    def of(cls, snapshot: Snapshot) -> "Settings":
        """Read them back from a release's files."""
        try:
            return cls(**json.loads(snapshot.files[FILE]))
        except (KeyError, ValueError, TypeError) as error:
            msg = f"the release has no usable {FILE}"
            raise StepFailed(msg, hint="Roll back with --files current, which takes today's settings.") from error

    def folder(self, tag: str | None) -> str:
        """Return the release's folder, as it is written in the configuration."""
        return _fill("backend.directory", self.directory, {"tag": tag})

    def argv(self, tag: str | None, directory: str) -> list[str]:
        """Return the command that runs a release whose content is in `directory`."""
        values = {"tag": tag, "directory": directory}
        return [_fill("backend.command", part, values) for part in self.command]

    def _problems(self) -> Iterator[str]:
        if isinstance(self.command, str):
            yield 'backend.command is a text; it must be a list, such as ["python", "app.py"]'
        if not self.command or not self.command[0]:
            yield "backend.command is empty"
        if any("\0" in part for part in self.command):
            yield "backend.command has a NUL character in it"
        yield from (f"backend.environment: not a variable: {name!r}" for name in self.environment if _odd(name))
        yield from (
            f"backend.environment: {name} has a NUL" for name, value in self.environment.items() if "\0" in value
        )
        if not self.directory:
            yield "backend.directory is empty"
        if not self.service:
            yield "backend.service is empty"
        if not (math.isfinite(self.stop_grace) and self.stop_grace >= 0):
            yield f"backend.stop_grace must be a number of seconds, not {self.stop_grace}"


def _odd(name: str) -> bool:
    return not name or "=" in name or "\0" in name


def _fill(key: str, template: str, values: Mapping[str, str | None]) -> str:
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        msg = f"{key}: a brace without its partner"
        raise ConfigError(msg, hint="Write {{ and }} for braces that mean themselves.") from error
    return "".join(text + _value(key, name, f"{spec or ''}{how or ''}", values) for text, name, spec, how in parts)


def _value(key: str, name: str | None, extra: str, values: Mapping[str, str | None]) -> str:
    if name is None:
        return ""
    if name not in values or extra:
        known = " and ".join(f"{{{one}}}" for one in values)
        msg = f"{key}: unknown placeholder {{{name}}}"
        raise ConfigError(msg, hint=f"There is {known}; write {{{{ and }}}} for braces that mean themselves.")
    value = values[name]
    if value is None:
        msg = f"{key} has {{{name}}} in it, but the image has no tag"
        raise ConfigError(msg, hint="Pass --tag.")
    return value
