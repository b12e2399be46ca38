"""What others wrote, made fit for a line of ours; and times."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploykit.text import iso, lines, one_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain", "plain"),
        ("ends\r\n", "ends"),
        ("two\nlines\ttab\rreturn", "two lines tab return"),
        ("\x1b[31mred\x07\x9b", "\\x1b[31mred\\x07\\x9b"),
        ("café ☃", "café ☃"),
        ("right\u202eto left\u2028", "right\\u202eto left\\u2028"),
        ("  kept  ", "  kept  "),
    ],
)
def test_a_text_becomes_one_line(text: str, line: str) -> None:
    """White space is a blank, what steers a terminal is shown, and letters of any language stay."""
    assert one_line(text) == line


@given(st.text())
def test_nothing_that_steers_a_terminal_gets_through(text: str) -> None:
    """Whatever an app writes, a line of ours is printable, and one line."""
    line = one_line(text)
    assert line.isprintable()
    assert len(line.splitlines()) <= 1
    assert one_line(line) == line


def test_a_line_without_an_end_is_cut() -> None:
    """At 2000 characters, and it shows."""
    assert one_line("x" * 2000) == "x" * 2000
    assert one_line("x" * 2001) == "x" * 2000 + "…"


def test_the_last_lines_that_say_something() -> None:
    """Blank ones do not count."""
    assert lines("a\n\nb\n  \nc\x1b\n", 2) == ["b", "c\\x1b"]
    assert lines("", 5) == []


def test_a_time_is_utc_with_milliseconds() -> None:
    """And none is none; the first second of 1970 is a time."""
    assert iso(1_763_892_000.1239) == "2025-11-23T10:00:00.123Z"
    assert iso(0) == "1970-01-01T00:00:00.000Z"
    assert iso(None) is None
