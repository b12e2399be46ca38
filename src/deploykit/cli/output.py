"""Writing to the standard streams. A stream that is closed, or full, is let go of: the journal has the story."""

import os
import sys
from contextlib import suppress
from typing import TextIO


def say(text: str) -> None:
    """Write a line to stdout."""
    _write(sys.stdout, text)


def complain(text: str) -> None:
    """Write a line to stderr."""
    _write(sys.stderr, text)


def fitted(text: str) -> str:
    """Return a line of a table, cut at the width of the terminal that it is written to, if it is written to one."""
    try:
        width = os.get_terminal_size(sys.stdout.fileno()).columns
    except (AttributeError, OSError, ValueError):  # no terminal, or no stdout at all
        return text
    return text if not 0 < width < len(text) else f"{text[: width - 1]}…"


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # closed before we were started
        return
    try:
        stream.write(f"{_encodable(text, stream)}\n")
        stream.flush()
    except (OSError, ValueError):
        _let_go(stream)


def _encodable(text: str, stream: TextIO) -> str:
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _let_go(stream: TextIO) -> None:
    # What is left in its buffer would fail again when Python ends, and change the exit code.
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
