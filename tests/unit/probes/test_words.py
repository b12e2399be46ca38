"""What others wrote, made fit for a line of ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploykit.probes._words import clean, public_url, redacted


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_a_cleaned_text_is_one_short_printable_line(text: str, limit: int) -> None:
    """Whatever the text, what is left is printable and not longer than asked."""
    cleaned = clean(text, limit)
    assert cleaned.isprintable()
    assert len(cleaned) <= limit


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\r\n\t b", "a b"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\ud800", "\\ud800"),
        ("größer ✓", "größer ✓"),
    ],
)
def test_what_steers_a_terminal_is_spelled_out(text: str, cleaned: str) -> None:
    """Blanks are collapsed, and characters that do not print are spelled out; letters of any language stay."""
    assert clean(text) == cleaned


def test_what_is_cut_says_so() -> None:
    """A text that is cut ends with an ellipsis."""
    assert clean("x" * 11, 10) == "x" * 9 + "…"


def test_the_longest_secret_goes_first() -> None:
    """A secret that is part of another leaves no rest of the other."""
    assert redacted("hunter2hunter2", ["hunter2", "hunter2hunter2"]) == "***"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://me:pw@host:8000/x", "http://host:8000/x"),
        ("http://host/x?token=1#y", "http://host/x?…"),
        ("http://{host}:{port}/x", "http://{host}:{port}/x"),
        ("http://[::1]:8000/x", "http://[::1]:8000/x"),
        (":8000/x", ":8000/x"),
    ],
)
def test_a_public_url_keeps_no_secret(url: str, shown: str) -> None:
    """The userinfo and the query of a URL are not shown, and the rest is."""
    assert public_url(url) == shown
