"""The state folder, and the files of releases in it."""

import os
import stat
from pathlib import Path

import pytest

from deploykit.errors import ConfigError, StepFailed
from deploykit.protocols import Identity
from deploykit.release import Snapshot
from deploykit.states import State
from deploykit.store import ReleaseFolders, StateFolder, open_state_folder
from deploykit.testing import ManualClock
from tests.unit.made import row

HERE = Identity("engine", "project")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state", tmp_path / ".previous_image_tag", ManualClock())


def test_the_state_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    """0700, with whatever is missing above it; one that is there is left as it is."""
    folder = open_state_folder(tmp_path / "a" / "state")
    assert mode(folder) == 0o700
    folder.chmod(0o750)
    assert mode(open_state_folder(folder)) == 0o750


def test_a_state_folder_that_cannot_be_made_is_told_with_a_way_out(tmp_path: Path) -> None:
    """Exit 2, with the folder's name."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"file/state cannot be made: Not a directory") as caught:
        open_state_folder(tmp_path / "file" / "state")
    assert "[state] dir" in caught.value.hint


def test_a_state_folder_of_somebody_else_names_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 2: whose it is, and how to mend it."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ConfigError, match=f"cannot be used: it belongs to {tmp_path.owner()}") as caught:
        open_state_folder(tmp_path)
    assert "chown" in caught.value.hint

    def nameless(_: Path) -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(Path, "owner", nameless)
    with pytest.raises(ConfigError, match=f"user id {os.getuid()}"):
        open_state_folder(tmp_path)


def test_looking_makes_nothing(tmp_path: Path) -> None:
    """The journal of a folder that is not there reads as an empty one, with or without an engine's name."""
    for identity in (HERE, None):
        journal = state(tmp_path).journal_to_read(identity)
        assert journal.last() is None
        journal.close()
    assert list(tmp_path.iterdir()) == []


def test_without_an_engine_the_journal_is_that_of_the_newest_deployment(tmp_path: Path) -> None:
    """History asks no engine, and shows the project that was deployed last."""
    folder = state(tmp_path)
    folder.prepare()
    for identity in (HERE, Identity("engine", "newer")):
        journal = folder.journal(identity)
        journal.begin(row(state=State.healthy))
        journal.close()
    journal = folder.journal_to_read(None)
    assert (journal.engine, journal.project) == ("engine", "newer")
    journal.close()


def test_everything_has_its_usual_place(tmp_path: Path) -> None:
    """journal.db, lock and releases/ID/ are in the folder; the tag file is where it was said."""
    folder = state(tmp_path)
    folder.prepare()
    folder.journal(HERE).close()
    folder.files.keep("r1", Snapshot({"app.conf": b"x"}))
    folder.tag_text.write("one")
    assert {path.name for path in folder.path.iterdir()} == {"journal.db", "releases"}
    assert folder.lock.path == folder.path / "lock"
    assert (folder.path / "releases" / "r1" / "app.conf").read_bytes() == b"x"
    assert (tmp_path / ".previous_image_tag").read_text() == "one\n"


@pytest.fixture
def files(tmp_path: Path) -> ReleaseFolders:
    return ReleaseFolders(tmp_path / "releases")


def test_files_are_read_back_as_they_were_kept(files: ReleaseFolders) -> None:
    """Each by its name in the release, folders and all; no files at all are kept too."""
    snapshot = Snapshot({"app.conf": b"\x00\xff", "env/web.env": b"A=1\n", ".env": b""})
    files.keep("r1", snapshot)
    files.keep("r2a", Snapshot())
    assert files.read("r1") == snapshot
    assert files.read("r2a") == Snapshot()


def test_kept_files_are_for_their_owner_alone(files: ReleaseFolders) -> None:
    """Env files hold secrets: folders are 0700, files 0600, whatever the umask."""
    before = os.umask(0)
    try:
        files.keep("r1", Snapshot({"env/web.env": b"SECRET=1"}))
    finally:
        os.umask(before)
    kept = [files.root, *files.root.rglob("*")]
    assert {mode(path) for path in kept if path.is_dir()} == {0o700}
    assert {mode(path) for path in kept if path.is_file()} == {0o600}


def test_files_under_the_same_id_are_replaced_as_one(files: ReleaseFolders) -> None:
    """Nothing of what was there stays, and what a crash has left of a keep before does no harm."""
    files.keep("r1", Snapshot({"old": b"1", "both": b"1"}))
    (files.root / ".r1.new").mkdir()
    (files.root / ".r1.new" / "half").write_text("half written")
    files.keep("r1", Snapshot({"both": b"2"}))
    assert files.read("r1") == Snapshot({"both": b"2"})
    assert [path.name for path in files.root.iterdir()] == ["r1"]


def test_a_keep_that_fails_half_way_leaves_what_was_there(
    files: ReleaseFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk does not cost the files that a rollback needs."""
    files.keep("r1", Snapshot({"app.conf": b"1"}))

    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("deploykit.store.write_private", full)
    with pytest.raises(OSError, match="No space"):
        files.keep("r1", Snapshot({"app.conf": b"2"}))
    assert files.read("r1") == Snapshot({"app.conf": b"1"})


def test_files_that_are_gone_are_told_with_a_way_out(files: ReleaseFolders) -> None:
    """A rollback can still take today's files."""
    with pytest.raises(StepFailed, match="files of release r7 are gone") as caught:
        files.read("r7")
    assert "--files current" in caught.value.hint


def test_files_can_be_forgotten_twice(files: ReleaseFolders) -> None:
    """Discarding what is not there does nothing."""
    files.keep("r1", Snapshot({"app.conf": b"1"}))
    files.discard("r1")
    files.discard("r1")
    assert list(files.root.iterdir()) == []


@pytest.mark.parametrize("wrong", ["", "..", "r0", "r01", "1", "r1/../..", "r1b", "r1 ", "R1", "r" + "9" * 19])
def test_no_other_name_is_a_folder(files: ReleaseFolders, wrong: str) -> None:
    """A release's id comes from a label that anybody can write: it never leads out of the folder."""
    for call in (files.read, files.discard, lambda name: files.keep(name, Snapshot())):
        with pytest.raises(ConfigError, match="not a release id"):
            call(wrong)
    assert not files.root.exists()


def test_the_highest_number_that_left_files_is_known(files: ReleaseFolders) -> None:
    """Compared as numbers; what a crash has left half-way, and strangers, do not count."""
    assert (files.highest(), files.newest()) == (0, None)
    for name in ("r2", "r10a", "r9"):
        files.keep(name, Snapshot())
    (files.root / ".r77.new").mkdir()
    (files.root / "r99.bak").mkdir()
    assert (files.highest(), files.newest()) == (10, "r10a")
