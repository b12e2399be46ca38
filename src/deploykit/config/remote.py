"""Where the Docker engine is, told without asking it."""

import json
from collections.abc import Mapping
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit


def engine_host(host: str | None, context: str | None, environment: Mapping[str, str]) -> str | None:
    """Return the engine's endpoint as docker would choose it; None for docker's own default.

    `host` and `context` are those of the config.
    """
    folder = Path(environment.get("DOCKER_CONFIG") or Path(environment.get("HOME", "~")).expanduser() / ".docker")
    if host or context:
        return host or _host_of(context or "", folder)
    chosen = environment.get("DOCKER_HOST")
    return chosen or _host_of(environment.get("DOCKER_CONTEXT") or _current_context(folder), folder)


def is_local(host: str) -> bool:
    """Whether an endpoint is on this machine."""
    return host.startswith(("unix://", "npipe://", "fd://"))


def is_loopback(url: str) -> bool:
    """Whether a URL leads to the machine that asks it."""
    try:
        name = urlsplit(url).hostname or ""
        return name == "localhost" or name.endswith(".localhost") or _own(name)
    except ValueError:
        return False


def _own(name: str) -> bool:
    address = ip_address(name)
    return address.is_loopback or address.is_unspecified


def _current_context(folder: Path) -> str:
    said = _read(folder / "config.json").get("currentContext")
    return said if isinstance(said, str) else ""


def _host_of(context: str, folder: Path) -> str | None:
    if context in {"", "default"}:
        return None
    meta = _read(folder / "contexts" / "meta" / sha256(context.encode()).hexdigest() / "meta.json")
    match meta:
        case {"Endpoints": {"docker": {"Host": str(host)}}}:
            return host
        case _:
            return None  # docker itself will say that there is no such context


def _read(path: Path) -> dict[str, object]:
    try:
        said = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}
