"""No room, no right, no descriptors, a journal that is damaged or too new: a clear error, and nothing is lost."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import clean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.support import ProcessApp

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
DISK = 4 * 1024 * 1024
NOBODY = 65534
WITHOUT_POWERS = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
"""Root that may do no more than any other user."""


@contextmanager
def mounted(folder: Path) -> Iterator[Path]:
    """Lend a disk of 4 MiB."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let a folder be only read, also while somebody has a file in it open."""
    subprocess.run(["mount", "--bind", str(folder), str(folder)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def disk(app: ProcessApp) -> Iterator[Path]:
    """The state folder on a small disk of its own, on which `a` was deployed; the images are elsewhere."""
    with mounted(app.folder / "state") as folder:
        text = app.config.read_text()
        app.config.write_text(f'{text}\n[state]\ndir = "state"\n')
        app.deploy("a")
        app.release("b")
        yield folder


def fill(folder: Path, leave: int) -> Path:
    """Fill the disk but for so many bytes."""
    path = folder / "filler"
    stat = os.statvfs(folder)
    path.write_bytes(b"\0" * max(stat.f_bavail * stat.f_frsize - leave, 0))
    return path


def untouched(app: ProcessApp, done: subprocess.CompletedProcess[str], *codes: int) -> None:
    """Assert that a command was refused in plain words, and that `a` serves as it did."""
    assert done.returncode in codes, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "unexpected" not in done.stderr, done.stderr
    assert done.stdout + done.stderr
    assert app.version() == "a"


@needs_root
@pytest.mark.parametrize("leave", [0, 16 * 1024, 128 * 1024, 400 * 1024])
def test_a_full_disk(app: ProcessApp, disk: Path, leave: int) -> None:
    """Told before anything is replaced; with room again it goes on, and nothing of the history is lost."""
    filler = fill(disk, leave)
    done = app.deploykit("run", "--tag", "b")
    untouched(app, done, 1, 2)
    filler.unlink()
    assert app.deploykit("run", "--tag", "b").returncode == 0
    assert app.version() == "b"
    assert [row["tag"] for row in app.json("history")][-1] == "a"
    assert app.deploykit("rollback").returncode == 0
    assert app.version() == "a"


@needs_root
def test_a_state_folder_that_cannot_be_written_to(app: ProcessApp, disk: Path) -> None:
    """Exit 2; looking goes on."""
    with read_only(disk):
        untouched(app, app.deploykit("run", "--tag", "b"), 2)
        assert app.json("history")[0]["tag"] == "a"
    assert app.deploykit("run", "--tag", "b").returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize(
    "argv", [["run", "--tag", "b"], ["rollback"], ["recover"], ["status"]], ids=lambda argv: argv[0]
)
def test_the_state_folder_of_another_user(app: ProcessApp, argv: list[str]) -> None:
    """Exit 2, naming whose it is and what to do; what serves is left alone."""
    app.deploy("a")
    app.release("b")
    state = app.folder / ".deploykit"
    for path in (state, *state.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    done = subprocess.run(
        [*WITHOUT_POWERS, sys.executable, "-m", "deploykit", *argv],
        cwd=app.folder,
        env=clean(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    untouched(app, done, 2)
    assert "belongs to nobody" in done.stderr, done.stderr
    assert "hint: " in done.stderr


def test_a_journal_that_is_damaged(app: ProcessApp) -> None:
    """Exit 2, saying what to do; when it is moved away, what serves is adopted."""
    app.deploy("a")
    app.release("b")
    journal = app.folder / ".deploykit" / "journal.db"
    for path in (journal, journal.with_name("journal.db-wal")):
        if path.exists():
            path.write_bytes(b"not a database at all, " * 1000)
    done = app.deploykit("run", "--tag", "b")
    untouched(app, done, 2)
    assert "move it away" in done.stderr
    for path in journal.parent.glob("journal.db*"):
        path.rename(path.with_name(f"old.{path.name}"))
    assert app.deploykit("run", "--tag", "b").returncode == 0
    assert app.deploykit("rollback").returncode == 0
    assert app.version() == "a"


def test_a_journal_of_a_newer_version(app: ProcessApp) -> None:
    """Exit 2: it is not guessed at."""
    app.deploy("a")
    app.release("b")
    with sqlite3.connect(app.folder / ".deploykit" / "journal.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    done = app.deploykit("run", "--tag", "b")
    untouched(app, done, 2)
    assert "newer deploykit" in done.stderr


@pytest.mark.parametrize("most", [6, 9, 12])
def test_too_few_descriptors(app: ProcessApp, most: int) -> None:
    """Whatever cannot be opened: nothing is replaced that is not brought back."""
    app.deploy("a")
    app.release("b")
    done = subprocess.run(
        [sys.executable, "-m", "deploykit", "run", "--tag", "b"],
        cwd=app.folder,
        env=clean(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most)),
    )
    untouched(app, done, 1, 2)
    assert app.deploykit("run", "--tag", "b").returncode == 0
    assert app.serves("b")
