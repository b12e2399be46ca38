"""What is refused: one readable message, no traceback, nothing touched."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.support import ProcessApp

HOSTILE = ["../x", "-x", "", " ", "a b", "a;rm -rf /", "a\nb", "$(id)", "ü", "a" * 129, "a/b", "\x1b[31m", "a:b", "a@b"]


@pytest.mark.parametrize("tag", HOSTILE)
def test_a_hostile_tag_is_refused(app: ProcessApp, tag: str) -> None:
    """A tag that is none is refused with exit 2 on one line, and leaves no row and no folder."""
    done = app.deploykit("run", f"--tag={tag}")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("deploykit: error: not an image tag")
    assert all(line.isprintable() for line in done.stderr.splitlines())
    assert len(done.stderr.splitlines()) == 2
    assert not (app.folder / ".deploykit").exists()


@pytest.mark.parametrize(
    "argv",
    [
        ["rollback", "a;b"],
        ["rollback", "--to=-x"],
        ["rollback", ""],
        ["rollback", "--to="],
        ["run", "--image", "A B", "--tag", "a"],
        ["run", "--image=", "--tag", "a"],
    ],
)
def test_other_hostile_names_are_refused(app: ProcessApp, argv: list[str]) -> None:
    """A name that is none is refused with exit 2, without a traceback."""
    app.deploy("a", "b")
    done = app.deploykit(*argv)
    assert done.returncode == 2
    assert done.stderr.startswith("deploykit: error: not an image ")
    assert "Traceback" not in done.stderr
    assert app.version() == "b"


def test_a_typo_in_the_config_names_file_key_and_what_was_meant(app: ProcessApp) -> None:
    """A misspelt key exits 2, and names file, key, and the key that was meant."""
    app.config.write_text(app.config.read_text().replace("attempts", "atempts"))
    done = app.deploykit("run", "shop.toml", "--tag", "a")
    assert done.returncode == 2
    assert "shop.toml: health.atempts: unknown key; did you mean health.attempts?" in done.stderr


def test_several_config_files_are_not_guessed_from(app: ProcessApp) -> None:
    """Where two files could be meant, neither is taken, exit 2, and both are named."""
    (app.folder / "other.toml").write_text(app.config.read_text())
    done = app.deploykit("status")
    assert done.returncode == 2
    assert "other.toml, shop.toml" in done.stderr


def test_a_state_folder_that_cannot_be_used_is_named(app: ProcessApp) -> None:
    """A file in the state folder's place exits 2, and names it."""
    (app.folder / ".deploykit").write_text("")
    app.release("a")
    done = app.deploykit("run", "--tag", "a")
    assert done.returncode == 2
    assert str(app.folder / ".deploykit") in done.stderr
    (app.folder / ".deploykit").unlink()


@pytest.mark.parametrize("verb", ["run", "status", "history", "health", "rollback", "recover", "abort"])
def test_a_closed_stdout_disturbs_nothing(app: ProcessApp, verb: str) -> None:
    """With a stdout that nobody reads every verb does its work, and ends with its own exit code."""
    app.deploy("a", "b")
    reading, writing = os.pipe()
    os.close(reading)
    process = app.start(verb, *(["--tag", "a"] if verb == "run" else []), stdout=writing)
    os.close(writing)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert app.version() == ("a" if verb in {"run", "rollback"} else "b")


def test_a_full_stdout_disturbs_nothing(app: ProcessApp) -> None:
    """With a stdout on a full disk a deploy is carried out."""
    app.release("a")
    with Path("/dev/full").open("w") as full:
        process = app.start("run", "--tag", "a", stdout=full.fileno())
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert app.version() == "a"
