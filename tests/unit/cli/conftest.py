"""The command line on an app of the fakes."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pytest

import deploykit
from deploykit.app import App
from deploykit.cli import main
from deploykit.errors import RegistryFailed
from deploykit.protocols import Offer, Offers
from deploykit.release import ImageRef
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


@dataclass
class Registry:
    """What the app's registry says when it is asked."""

    offered: list[Offer]
    left_out: int = 0
    asked: tuple[str, int, frozenset[str]] | None = None
    fails: RegistryFailed | None = None

    def offers(self, repository: str, limit: int, first: Collection[str]) -> Offers:
        self.asked = (repository, limit, frozenset(first))
        if self.fails:
            raise self.fails
        return Offers(self.offered, self.left_out)

    def offer(self, image: ImageRef) -> Offer:
        found = next((one for one in self.offered if one.image.tag == image.tag), None)
        if found is None:
            raise RegistryFailed(f"no {image.name}")
        return found

    def stands_behind(self, cli: Cli) -> None:
        """Be that of the app."""
        for name in ("offers", "offer"):
            setattr(cli.world.backend, name, getattr(self, name))


@pytest.fixture(autouse=True)
def nowhere_special(monkeypatch: pytest.MonkeyPatch) -> None:
    """No CI, wherever the tests run."""
    for name in ("DEPLOYKIT_TRACEBACK", "DEPLOYKIT_TARGET", "CI", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)


def _app(world: World, target: str | None) -> App:
    app = world.app
    app.target = target
    return app


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Every config file is that of one world."""
    world = World()
    monkeypatch.setattr(deploykit, "load", lambda path, target: _app(world, target))
    monkeypatch.setenv("DEPLOYKIT_BY", "alice")
    return Cli(world, capsys)
