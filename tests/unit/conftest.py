"""What the unit tests share."""

import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parents[2] / "examples" / "plugin"


@pytest.fixture
def example_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry points of `examples/plugin`, as if it were installed."""
    said = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"]["entry-points"]
    points = [EntryPoint(name, value, group) for group, named in said.items() for name, value in named.items()]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [one for one in points if one.group == group])
