"""What cannot stand twice, so cannot roll: told before anything is touched, with the line that says so."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deploykit.errors import ConfigError

_HINT = (
    'Take it out, name the service in backend.recreate_services, or use strategy = "recreate"; a proxy reaches the'
    " instances over the network."
)
_SHARED = 'Mount it read-only, name the service in backend.recreate_services, or use strategy = "recreate".'


def refuse_what_cannot_roll(model: Mapping[str, Any], services: Sequence[str], files: Sequence[Path]) -> None:
    """Refuse services of which two instances cannot be there at the same time, or should not be.

    Raises:
        ConfigError: names service, key and, where it is found, file and line.
    """
    for told, hint in what_cannot_roll(model, services, files):
        raise ConfigError(f'backend.strategy = "rolling": {told}', hint=hint)


def what_cannot_roll(
    model: Mapping[str, Any], services: Sequence[str], files: Sequence[Path]
) -> Iterator[tuple[str, str]]:
    """Yield what stands against it, with service, key and, where it is found, file and line; and what can be done."""
    for service in services:
        for key, value, why, hint in _obstacles(model.get("services", {}).get(service, {})):
            where = line_of(files, service, key, value)
            yield f"{where}: services.{service}.{key}: {value}: {why}", hint


def _obstacles(service: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Yield key, value, what is wrong with it, and what can be done."""
    if name := service.get("container_name"):
        yield "container_name", str(name), "two containers cannot have one name", _HINT
    if service.get("network_mode") == "host":
        yield "network_mode", "host", "two instances cannot listen on the same port of the machine", _HINT
    for port in service.get("ports") or ():
        published = str(port.get("published") or "")
        if published and "-" not in published:
            mapping = f"{published}:{port.get('target')}"
            yield "ports", mapping, "two instances cannot have one port of the machine", _HINT
    for volume in service.get("volumes") or ():
        if volume.get("type") in {"bind", "volume"} and volume.get("source") and not volume.get("read_only"):
            mount = f"{volume['source']}:{volume.get('target')}"
            yield "volumes", mount, "both releases would write to it at the same time, which is unsafe", _SHARED


def line_of(files: Sequence[Path], service: str, key: str, value: str) -> str:
    """Return `FILE, line N` for a key of a service, the last file first; the first file alone when it is not found."""
    for file in reversed(files):
        number = _line_in(file, service, key, value)
        if number:
            return f"{file.name}, line {number}"
    return files[0].name


def _line_in(file: Path, service: str, key: str, value: str) -> int | None:
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError:
        return None
    block = _block(lines, range(len(lines)), service)
    of_key = _block(lines, block, key)
    ends = value.rpartition(":")[2]
    exact = (number for number in of_key if ends and ends in lines[number])
    return next((number + 1 for number in (*exact, *of_key)), None)


def _block(lines: Sequence[str], within: range, name: str) -> range:
    """Return the numbers of the lines of a YAML key: its own, and all that stand deeper after it."""
    for number in within:
        head = re.match(rf"( *)['\"]?{re.escape(name)}['\"]?\s*:", lines[number])
        if head:
            indent = len(head[1])
            deeper = number + 1
            while deeper < within.stop and (_indent(lines[deeper]) > indent or _is_item(lines[deeper], indent)):
                deeper += 1
            return range(number, deeper)
    return range(0)


def _indent(line: str) -> int:
    text = line.split("#")[0].rstrip()
    return len(text) - len(text.lstrip()) if text.strip() else 1000  # an empty line ends nothing


def _is_item(line: str, indent: int) -> bool:
    return line.startswith(" " * indent + "- ")
