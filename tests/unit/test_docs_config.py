"""The tables of docs/reference/config.md have the keys and the defaults of the code."""

import tomllib

import pytest
from pydantic_core import PydanticUndefined

from deploykit.config.model import AppTable, EngineTable, HealthTable, RollbackTable
from deploykit.config.probes import HttpTable
from deploykit.config.values import Table
from tests.unit.test_docs import REFERENCE

CHAPTERS: dict[str, type[Table]] = {
    "## `[app]`": AppTable,
    "### compose and docker": EngineTable,
    "## `[health]`": HealthTable,
    "### http": HttpTable,
    "## `[rollback]`": RollbackTable,
}
ELSEWHERE = {"type", "service"}
"""Keys that are told above the table."""
WORDS = {"an error": PydanticUndefined, "nothing": None, "any 2xx": None}


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_each_table_has_the_keys_and_their_defaults(chapter: str) -> None:
    """All of them, and what holds when a key is not said."""
    text = (REFERENCE / "config.md").read_text().partition(f"{chapter}\n")[2].partition("\n#")[0]
    lines = [
        line.split(" | ") for line in text.partition("| when not said |")[2].splitlines() if line.startswith("| `")
    ]
    told = {cells[0].strip("| `"): value(cells[1]) for cells in lines}
    fields = CHAPTERS[chapter].model_fields
    defaults = {name: field.get_default(call_default_factory=True) for name, field in fields.items()}
    assert told == {name: None if one in ((), {}) else one for name, one in defaults.items() if name not in ELSEWHERE}


def value(cell: str) -> object:
    """What a cell says: words, or a value as it is written in the file."""
    return WORDS[cell] if cell in WORDS else tomllib.loads(f"it = {cell.strip('`')}")["it"]
