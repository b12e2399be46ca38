"""A release that is gone back to runs with its own files; what differs from today's is said."""

import pytest

from deploykit.errors import ConfigError
from deploykit.events import FilesDiffer
from deploykit.release import Snapshot
from tests.unit.world import World


@pytest.fixture
def world() -> World:
    world = World()
    world.good("one", "two")
    return world


def differing(world: World) -> list[tuple[str, tuple[str, ...]]]:
    return [(event.release.id, event.parts) for event in world.events if isinstance(event, FilesDiffer)]


def test_a_rollback_tells_which_of_todays_files_are_others(world: World) -> None:
    """What was changed, made and deleted since is named; the release runs with its own all the same."""
    world.backend.today = {"app.conf": b"changed\n", ".env": b"A=1\n"}

    assert world.rollback().exit_code == 0

    assert differing(world) == [("r1", (".env", "app.conf"))]
    assert world.backend.living()[0].files == {"app.conf": b"as it is today\n"}


def test_a_restore_tells_what_came_with_the_release_that_failed(world: World) -> None:
    """Files that were changed together with a bad release are named when the good one comes back."""
    world.backend.today = {"app.conf": b"changed\n"}
    world.backend.release("bad").crashes()

    assert world.deploy("bad").exit_code == 1

    assert differing(world) == [("r2", ("app.conf",))]
    assert world.backend.living()[0].files == {"app.conf": b"as it is today\n"}


def test_nothing_is_said_where_nothing_differs(world: World) -> None:
    """Neither when going back, nor with `--files current`, which takes today's."""
    world.rollback()
    world.backend.today = {"app.conf": b"changed\n"}
    world.rollback("two", files="current")

    assert differing(world) == []


def test_files_that_are_broken_today_do_not_stop_a_rollback(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """They cannot be compared: a warning, and the release comes back."""

    def broken(_: object) -> Snapshot:
        raise ConfigError("docker-compose.prod.yml: Compose cannot read it")

    monkeypatch.setattr(world.backend, "snapshot", broken)

    assert world.rollback().exit_code == 0

    assert world.serves == ["one"]
    assert any("Compose cannot read it" in warning for warning in world.warnings())
