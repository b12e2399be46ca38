"""The journal on disk."""

from pathlib import Path

import pytest

from deploykit.errors import ConfigError
from deploykit.journal import open_journal, read_journal
from tests.unit.made import row


def test_a_journal_that_is_damaged_inside_is_a_refusal(tmp_path: Path) -> None:
    """Exit 2, and what to do: also when only reading on tells that it is."""
    path = tmp_path / "journal.db"
    journal = open_journal(path, "engine", "project")
    record = journal.begin(row())
    journal.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    damaged = read_journal(path, "engine", "project")
    for read in (damaged.last, damaged.unfinished, damaged.tag_notes, lambda: damaged.moves(record)):
        with pytest.raises(ConfigError, match="journal cannot be read") as refused:
            read()
        assert "move it away" in refused.value.hint
    damaged.close()
