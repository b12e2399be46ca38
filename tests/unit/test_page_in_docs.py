"""The screens in docs/how-to/when-a-deploy-fails.md are what is printed."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest

from deploykit.health import HealthPolicy
from deploykit.protocols import Verdict
from deploykit.release import Instance
from deploykit.testing import FakeProbe
from tests.unit.test_docs import DOCS, blocks
from tests.unit.world import World

PAGE = DOCS / "how-to" / "when-a-deploy-fails.md"
REPOSITORY = "ghcr.io/ekimteam/sandmatch/web"
DATABASE = "checks.database is false, not true"


class Http(FakeProbe):
    """Answers in the words of the http probe."""

    words: Mapping[str, str] = {
        "not ready yet": "connection refused",
        "answers 500": "answered 500: Server Error (500)",
    }

    @property
    def name(self) -> str:
        return "http http://localhost:8000/api/health/"

    def look(self, instances: Sequence[Instance], timeout: float) -> Verdict:
        verdict = super().look(instances, timeout)
        return replace(verdict, reason=self.words.get(verdict.reason, verdict.reason))


class Database(Http):
    words: Mapping[str, str] = {"answers 500": DATABASE}


def sandmatch(probe: type[FakeProbe] = Http) -> World:
    world = World(HealthPolicy())
    world.probes = [probe(world.backend)]
    world.good("main-xyz789")
    world.clock.advance(100)
    return world


def crash() -> World:
    world = sandmatch()
    log = "Traceback (most recent call last):\nImportError: cannot import name 'courts' from 'booking.models'"
    world.backend.release("main-abc123").crashes(after=1.2, exit_code=3, log=log)
    world.backend.release_command = True
    return world


def server_error() -> World:
    world = sandmatch()
    world.backend.release("main-abc123").ready_after(0.6).turns_unhealthy(0)
    return world


def no_database() -> World:
    world = sandmatch(Database)
    world.backend.living()[0].behaviour = world.backend.release("main-xyz789").turns_unhealthy(0).behaviour
    world.backend.release("main-abc123").turns_unhealthy(0)
    return world


@pytest.mark.parametrize(
    ("shown", "made"), list(zip(blocks(PAGE, "text"), [crash, server_error, no_database], strict=True))
)
def test_each_screen_is_what_is_printed(shown: str, made: Callable[[], World], monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash, an app that answers 500, and a database that is down."""
    monkeypatch.setattr("tests.unit.world.REPOSITORY", REPOSITORY)
    told = made().deploy("main-abc123").explain()
    assert re.sub(r"fake-web-\d+", "sandmatch-web-1", told) == shown.rstrip("\n")
