"""What others wrote, made fit for a line of ours; and times, as people and programs read them."""

from datetime import UTC, datetime

_LONGEST = 2000


def one_line(text: str) -> str:
    """Return the text on one line, with nothing in it that steers a terminal."""
    line = "".join(map(_fit, text[:_LONGEST].strip("\r\n")))
    return line if len(text) <= _LONGEST else f"{line}…"


def lines(text: str, last: int) -> list[str]:
    """Return the last lines of a text, each fit for a line of ours."""
    return [one_line(line) for line in text.splitlines() if line.strip()][-last:]


def mib(size: float) -> str:
    """Return a number of bytes as people read it."""
    return f"{size / 2**20:,.0f} MiB"


def iso(at: float | None) -> str | None:
    """Return a time as 2026-11-23T10:00:00.123Z."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fit(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character in "\r\n\t\v\f" else character.encode("unicode_escape").decode("ascii")


def minute(at: float) -> str:
    """Return a time for people, to the minute: 2026-11-23 10:00 UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def lasting(seconds: float) -> str:
    """Return how long something was, for people: 4.2 s, 95 s, 12 min 5 s, 3 h 12 min, 12 days."""
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes, left = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {left} s" if left else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} days"
