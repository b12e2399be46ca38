"""Keeping secrets out of what people and files get to see."""

import re
from collections.abc import Callable, Iterable, Mapping

BLANK = "[redacted]"
_SECRET_NAME = re.compile(r"PASS|PWD|SECRET|TOKEN|KEY|CREDENTIAL|DSN|AUTH|COOKIE|SIGNATURE|SALT|PRIVATE", re.IGNORECASE)
_USERINFO = re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)")
# Shorter values stand in too much innocent text ("1", "true", "web") for blanking them to help anyone.
_SHORTEST = 4


def is_secret(name: str) -> bool:
    """Whether a variable or header of that name is taken to hold a secret."""
    return bool(_SECRET_NAME.search(name))


def redacted(text: str, redact: Callable[[str], str]) -> str:
    """Return the text redacted; none of it when that cannot be done: no secret gets out, and nothing stops for it."""
    try:
        said: object = redact(text)
    except Exception:  # noqa: BLE001 - a plug-in's bug must not stand in the way of a restore
        said = None
    return said if isinstance(said, str) else "(what it said cannot be redacted, so it is not shown)"


class Redactor:
    """Blanks out the values of secret-looking variables, and passwords in URLs."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._values = _secrets(environment.items())

    def __call__(self, text: str) -> str:
        for value in self._values:
            text = text.replace(value, BLANK)
        return _USERINFO.sub(BLANK, text)

    def redact_bytes(self, output: bytes) -> str:
        """Decode what a command wrote, and redact it. What is not UTF-8 is shown as U+FFFD."""
        return self(output.decode(errors="replace"))


def _secrets(variables: Iterable[tuple[str, str]]) -> list[str]:
    found: set[str] = set()
    for name, value in variables:
        if is_secret(name) and len(value) >= _SHORTEST:
            found.add(value)
        found.update(match.group() for match in _USERINFO.finditer(value))
    # Longest first, or a secret that begins with another would leave its tail behind.
    return sorted(found, key=len, reverse=True)
