"""The end of a log."""

from collections.abc import Callable
from pathlib import Path

LIMIT = 1024 * 1024


def tail_of(path: Path, lines: int, redact: Callable[[str], str]) -> str:
    """Return the last lines of a file, redacted, and at most 1 MiB of them."""
    text = redact(_last(path, 2 * LIMIT))  # more than is told, so that no secret is cut in two before it is blanked out
    chosen = "\n".join(text.splitlines()[-lines:] if lines > 0 else [])
    return chosen.encode()[-LIMIT:].decode(errors="ignore")


def _last(path: Path, size: int) -> str:
    try:
        with path.open("rb") as file:
            end = file.seek(0, 2)
            file.seek(max(end - size, 0))
            return file.read(size).decode(errors="replace")
    except FileNotFoundError:
        return ""
