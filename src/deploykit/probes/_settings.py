"""The checks of what a probe is configured with. Each raises ConfigError, which names the key."""

import json
import math
import re
import ssl
from collections.abc import Collection, Mapping
from urllib.parse import SplitResult, urlsplit

from deploykit.errors import ConfigError

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_METHOD = re.compile(r"[A-Z]{1,20}", re.ASCII)


def _require(ok: object, key: str, problem: str, hint: str = "") -> None:
    if not ok:
        msg = f"{key}: {problem}"
        raise ConfigError(msg, hint=hint)


def check_timeout(seconds: float) -> None:
    """Check for a number of seconds that ends."""
    _require(math.isfinite(seconds) and seconds > 0, "timeout", f"{seconds} is not a number of seconds above 0")


def check_port(port: int) -> None:
    """Check for a port of TCP."""
    _require(1 <= port <= 65535, "port", f"{port} is not a port (1 to 65535)")


def check_host(host: str) -> None:
    """Check for something that can be a host name or an address."""
    _require(host and host.isprintable() and " " not in host, "host", f"{host!r} is not a host")


def check_method(method: str) -> None:
    """Check for a method of HTTP."""
    _require(_METHOD.fullmatch(method), "method", f"{method!r} is not an HTTP method", "It looks like GET.")


def check_path(path: str) -> None:
    """Check for the path of a URL, which may have a query."""
    _require(path.startswith("/") and _visible(path), "path", "it must begin with '/', and have no blanks")


def check_url(url: str) -> None:
    """Check for a URL of HTTP; `{host}` and `{port}` may stand in it."""
    sample = url.replace("{host}", "localhost").replace("{port}", "80")
    _require(_visible(url), "url", "it has blanks or control characters")
    _require(not set("{}") & set(sample), "url", "only {host} and {port} can stand in braces")
    parts = _split(sample)
    _require(parts.scheme in {"http", "https"}, "url", "it must begin with http:// or https://")
    _require(parts.hostname, "url", "it has no host")
    _require(parts.port != 0, "url", "0 is not a port")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        msg = "url: its host or port is not valid"
        raise ConfigError(msg) from error
    return parts


def _visible(text: str) -> bool:
    return text.isprintable() and " " not in text


def check_headers(headers: Mapping[str, str]) -> None:
    """Check names and values; a value is never repeated, as it may be secret."""
    for name, value in headers.items():
        key = f"headers.{name!r}"
        _require(_TOKEN.fullmatch(name), key, "not the name of a header")
        _require(_one_line(value), key, "a value is one line of Latin-1 text without control characters")
    _require(len({name.lower() for name in headers}) == len(headers), "headers", "a name is there twice")


def _one_line(value: str) -> bool:
    return all(c == "\t" or (c.isprintable() and ord(c) < 256) for c in value)


def check_status(statuses: Collection[int]) -> None:
    """Check for statuses that an answer can have."""
    _require(statuses, "status", "it names none")
    for status in statuses:
        _require(100 <= status <= 599, "status", f"{status} is not an HTTP status (100 to 599)")


def check_expected(key: str, expected: Mapping[str, object]) -> None:
    """Check that the paths lead somewhere, and that JSON has such values."""
    for path, value in expected.items():
        _require(all(path.split(".")), f"{key}.{path!r}", "a path is names with single dots between them")
        _require(_is_json(value), f"{key}.{path!r}", "JSON has no such value")


def _is_json(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def tls_context(ca_file: str | None, *, verify: bool) -> ssl.SSLContext:
    """Make the context that a connection is checked with: against `ca_file` alone when there is one.

    Raises:
        ConfigError: `ca_file` cannot be read, or holds no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        msg = f"ca_file: {ca_file!r} cannot be read as PEM certificates ({error.strerror})"
        raise ConfigError(msg) from error
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
