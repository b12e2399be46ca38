"""Writing to the standard streams."""

import io
import os
import sys
from pathlib import Path

import pytest

from deploykit.cli.output import complain, fitted, say


def test_lines_go_where_they_belong(capsys: pytest.CaptureFixture[str]) -> None:
    """What was asked for to stdout, complaints to stderr, each at once."""
    say("out")
    complain("err")
    assert capsys.readouterr() == ("out\n", "err\n")


def test_a_line_of_a_table_is_cut_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """At its width, where it has one; what is piped is whole."""
    assert fitted("four") == "four"
    monkeypatch.setattr(sys.stdout, "fileno", lambda: 1)
    for width, shown in ((4, "four"), (3, "fo…"), (0, "four")):
        monkeypatch.setattr(os, "get_terminal_size", lambda _, width=width: os.terminal_size((width, 24)))
        assert fitted("four") == shown


def test_a_line_is_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe shows each step while it runs."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", write_through=False))
    say("out")
    assert raw.getvalue() == b"out\n"


@pytest.mark.parametrize(
    ("encoding", "written"),
    [("utf-8", "caf\u00e9 \u2603\n"), ("ascii", "caf\\xe9 \\u2603\n"), ("latin-1", "caf\u00e9 \\u2603\n")],
)
def test_a_letter_that_the_terminal_has_not_is_written_as_its_number(
    monkeypatch: pytest.MonkeyPatch, encoding: str, written: str
) -> None:
    """No encoding makes a deploy fail."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding))
    say("caf\u00e9 \u2603")
    assert raw.getvalue().decode(encoding) == written


def test_half_a_letter_is_written_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """File names may hold bytes that are no text."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "utf-8"))
    say("a\udcffb")
    assert raw.getvalue() == b"a\\udcffb\n"


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_stream_that_was_closed_before_we_were_started_is_none(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """`deploykit run >&-` deploys all the same."""
    monkeypatch.setattr(sys, name, None)
    say("out")
    complain("err")


def test_a_closed_pipe_is_let_go_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once nobody reads, nothing fails any more: neither the next line nor Python's own last flush."""
    reader, writer = os.pipe()
    stream = os.fdopen(writer, "w")
    monkeypatch.setattr(sys, "stdout", stream)
    say("read")
    os.close(reader)
    say("not read")
    say("neither")
    stream.flush()
    assert Path(f"/proc/self/fd/{writer}").readlink() == Path(os.devnull)
    stream.close()


def test_a_full_disk_is_let_go_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal has the story."""
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        monkeypatch.setattr(sys, "stdout", full)
        say("lost")
        say("lost too")


def test_a_stream_that_is_closed_meanwhile_is_let_go_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever closed it."""
    stream = io.StringIO()
    stream.close()
    monkeypatch.setattr(sys, "stdout", stream)
    say("lost")
