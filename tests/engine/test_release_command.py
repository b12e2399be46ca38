"""A release command runs in a one-off of the new image, before anything is replaced, and never twice at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scripts.commands import until
from tests.engine.support.docker import labelled
from tests.engine.support.told import assert_all_agree, ended, history, unbroken

if TYPE_CHECKING:
    from tests.engine.support.docker import Container
    from tests.engine.support.project import ComposeApp

NOTES = "echo start >>/shared/notes; sleep {seconds}; echo end >>/shared/notes"


def of_command(app: ComposeApp) -> list[Container]:
    """Return the containers of release commands that there are, found by their labels."""
    commands = labelled("org.deploykit.role", "command")
    return [one for one in commands if one.labels["org.deploykit.app"] == app.name]


def write(app: ComposeApp, command: str, **more: object) -> None:
    """Configure a release command in the image's shell."""
    argv = ["/bin/busybox", "sh", "-c", command]
    app.write_config(backend={"release_command": argv, **more})


@pytest.fixture
def serving(compose_app: ComposeApp) -> ComposeApp:
    """An app of which `old` serves, with a folder that all its containers share."""
    (compose_app.folder / "shared").mkdir()
    compose_app.write_compose(web='volumes: ["./shared:/shared"]')
    compose_app.push("old")
    compose_app.push("new")
    ended(compose_app.deploykit("run", "--tag", "old"), 0)
    return compose_app


def test_what_it_writes_is_shown(serving: ComposeApp) -> None:
    """As it comes, before anything is replaced; its container is gone afterwards."""
    write(serving, 'echo "migrating to $$VERSION"; echo "a warning" >&2')

    done = ended(serving.deploykit("run", "--tag", "new"), 0)

    story = done.stdout.splitlines()
    assert story.index("[deploy] | migrating to new") < story.index("[deploy] Starting containers...")
    assert "[deploy] | a warning" in story
    assert not of_command(serving)
    assert_all_agree(serving, "new")


@pytest.mark.parametrize(
    ("command", "more", "said"),
    [
        ("echo no such column; exit 4", {}, "Release command exited with code 4"),
        ("sleep 60", {"release_timeout": 1}, "did not end within 1s"),
    ],
    ids=["fails", "hangs"],
)
def test_when_it_fails_nothing_is_touched(
    serving: ComposeApp, command: str, more: dict[str, object], said: str
) -> None:
    """Exit 1, untouched: the same container serves, and nothing of the command is left."""
    write(serving, command, **more)
    before = serving.container()

    done = ended(serving.deploykit("run", "--tag", "new"), 1)

    assert said in unbroken(done.stdout)
    assert serving.container() == before
    assert history(serving)[0]["outcome"] == "untouched"
    assert not of_command(serving)


def test_a_rollback_runs_none(serving: ComposeApp) -> None:
    """What the old release needs is there."""
    write(serving, "echo ran >>/shared/notes")
    ended(serving.deploykit("run", "--tag", "new"), 0)
    ended(serving.deploykit("rollback"), 0)
    assert (serving.folder / "shared" / "notes").read_text() == "ran\n"
    assert_all_agree(serving, "old")


def test_one_that_a_killed_run_left_is_waited_for(serving: ComposeApp) -> None:
    """It is found by its label, and the next begins when it has ended."""
    write(serving, NOTES.format(seconds=4))
    process = serving.start_deploykit("run", "--tag", "new")
    notes = serving.folder / "shared" / "notes"
    assert until(lambda: notes.exists() and bool(notes.read_text()), within=30)
    process.kill()
    process.wait()
    (left,) = of_command(serving)
    assert left.running

    done = ended(serving.deploykit("run", "--tag", "new"), 0)

    assert "which was killed, still runs" in done.stdout
    assert notes.read_text().split() == ["start", "end"] * 2
    assert not of_command(serving)
    assert_all_agree(serving, "new")
