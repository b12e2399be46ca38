"""What others wrote, made fit for a line of ours."""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote, urlsplit

# Shorter parts of a secret are words that any text may hold.
_SHORTEST_PART = 6
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
    """Return what of a request must never be shown: secret headers, the userinfo and the query, whole and in parts."""
    userinfo = without_userinfo(url)[1]
    secrets = [value for name, value in headers.items() if _SECRET_HEADER.search(name)]
    secrets += [userinfo, unquote(userinfo)]
    parts = [part for secret in (*secrets, urlsplit(url).query) for part in _SEPARATORS.split(secret)]
    return frozenset(filter(None, secrets)) | {part for part in parts if len(part) >= _SHORTEST_PART}


def without_userinfo(url: str) -> tuple[str, str]:
    """Split a URL into one without the userinfo, and the userinfo."""
    parts = urlsplit(url)
    userinfo, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=host).geturl(), userinfo


def public_url(url: str) -> str:
    """Return the URL without its userinfo, and with `…` for its query."""
    parts = urlsplit(without_userinfo(url)[0])
    return parts._replace(query="…" if parts.query else "", fragment="").geturl()
