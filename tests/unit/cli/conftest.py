"""The command line on an app of the fakes."""

import json
from typing import Any

import pytest

import deploykit
from deploykit.cli import main
from tests.unit.world import World


class Cli:
    """A terminal at which deploykit is typed."""

    def __init__(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        self.world = world
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, *words: str) -> int:
        """Type it, and return the exit code; what was written is in `out` and `err`."""
        self._capsys.readouterr()
        code = main([words[0], "-c", "web.toml", *words[1:]])
        self.out, self.err = self._capsys.readouterr()
        return code

    def json(self, *words: str) -> Any:
        """Type it with --json, and return what the one line that is written says."""
        self(*words, "--json")
        (line,) = self.out.splitlines()
        return json.loads(line)

    def run_json(self, *words: str) -> list[Any]:
        """Type it with --json, and return what each line says."""
        self(*words, "--json")
        return [json.loads(line) for line in self.lines]

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


@pytest.fixture(autouse=True)
def nowhere_special(monkeypatch: pytest.MonkeyPatch) -> None:
    """No CI, wherever the tests run."""
    for name in ("DEPLOYKIT_TRACEBACK", "CI", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Every config file is that of one world."""
    world = World()
    monkeypatch.setattr(deploykit, "load", lambda path: world.app)
    monkeypatch.setenv("DEPLOYKIT_BY", "alice")
    return Cli(world, capsys)
