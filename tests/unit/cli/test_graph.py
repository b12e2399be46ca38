"""`deploykit graph`."""

import json
import sys

import pytest

from deploykit.cli import main
from deploykit.graph import drawing, mermaid
from deploykit.states import TRANSITIONS


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["graph", *words]) == 0
    return capsys.readouterr().out.removesuffix("\n")


def test_it_is_mermaid_when_piped(capsys: pytest.CaptureFixture[str]) -> None:
    """As the docs have it."""
    assert shown(capsys) == mermaid()


def test_it_is_a_drawing_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless Mermaid is asked for."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert shown(capsys) == drawing()
    assert shown(capsys, "--mermaid") == mermaid()


def test_as_json_it_is_the_rows(capsys: pytest.CaptureFixture[str]) -> None:
    """One for each source."""
    rows = json.loads(shown(capsys, "--json"))
    assert len(rows) == sum(len(row.sources) for row in TRANSITIONS)
    assert rows[0] == {"trigger": "save", "from": "pending", "to": "saved", "when": ""}
