"""What others wrote, made fit for a line of ours."""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote, urlsplit

# Shorter pieces of a secret are words that any text may hold.
_SHORTEST_SECRET = 4
_SECRET_HEADER = re.compile(r"auth|cookie|credential|key|passw|secret|session|sign|token", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\s:;,=&]+")


def clean(text: str, limit: int = 1000) -> str:
    """Return the text on one line, at most `limit` characters of it, with nothing in it that steers a terminal."""
    line = "".join(c if c.isprintable() else _escaped(c) for c in " ".join(text[: 8 * limit].split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Return the text with every one of the secrets blanked out, the longest first."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def secrets_in(headers: Mapping[str, str], url: str) -> frozenset[str]:
    """Return what of a request must never be shown: secret headers, the query and the userinfo, whole and in parts."""
    userinfo, query = without_userinfo(url)[1], urlsplit(url).query
    values = [value for name, value in headers.items() if _SECRET_HEADER.search(name)]
    values += [userinfo, unquote(userinfo), query]
    pieces = [piece for value in values for piece in (value, *_SEPARATORS.split(value))]
    return frozenset(piece for piece in pieces if len(piece) >= _SHORTEST_SECRET)


def without_userinfo(url: str) -> tuple[str, str]:
    """Split a URL into one without the userinfo, and the userinfo."""
    parts = urlsplit(url)
    userinfo, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=host).geturl(), userinfo


def public_url(url: str) -> str:
    """Return the URL without its userinfo, and with `…` for its query."""
    parts = urlsplit(without_userinfo(url)[0])
    return parts._replace(query="…" if parts.query else "", fragment="").geturl()
