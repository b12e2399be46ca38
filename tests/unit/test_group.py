"""A state folder for a group: every member may use all that is in it, and nobody else anything."""

import grp
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploykit.errors import ConfigError
from deploykit.interrupt import Interruption
from deploykit.protocols import Hold, Identity
from deploykit.record import Kind
from deploykit.release import Snapshot
from deploykit.states import State
from deploykit.store import StateFolder
from deploykit.testing import ManualClock
from tests.unit.made import row

HERE = Identity("engine", "project")


@pytest.fixture(autouse=True, params=[0o077, 0o000])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    """It must not depend on the umask."""
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.fixture
def group() -> grp.struct_group:
    """A group that this user may give files to, and, where there is one, not his own."""
    numbers = [one.gr_gid for one in grp.getgrall()] if os.geteuid() == 0 else os.getgroups()
    named = [grp.getgrgid(one) for one in numbers]
    return next((one for one in named if one.gr_gid != os.getegid()), named[0])


def used(folder: Path, group: str | None) -> StateFolder:
    """A state folder in which everything has been written that ever is."""
    state = StateFolder(folder / "state", folder / "tag", ManualClock(), group)
    state.prepare()
    with state.lock.acquire("deploy", 0, Interruption()):
        state.lock.request_abort()
        journal = state.journal(HERE)
        journal.begin(row(0, Kind.deploy, State.pending))
        journal.reserve()
        state.files.keep("r1", Snapshot({"env/web.env": b"SECRET=1", "app.conf": b""}))
        state.logs.keep("r1", "log")
        state.hold.put(Hold("why", "me", 1.0))
        journal.close()
    return state


def modes(state: StateFolder) -> dict[str, set[tuple[int, int]]]:
    """Mode and group of all folders, and of all files."""
    found: dict[str, set[tuple[int, int]]] = {"folders": set(), "files": set()}
    for path in (state.path, *state.path.rglob("*")):
        told = path.stat()
        found["folders" if path.is_dir() else "files"].add((stat.S_IMODE(told.st_mode), told.st_gid))
    return found


def test_all_that_is_written_is_the_groups(tmp_path: Path, group: grp.struct_group) -> None:
    """Folders 2770, files 0660; the tag file is as it was, for all to read."""
    state = used(tmp_path, group.gr_name)
    assert modes(state) == {"folders": {(0o2770, group.gr_gid)}, "files": {(0o660, group.gr_gid)}}
    state.tag_text.write("one")
    assert stat.S_IMODE((tmp_path / "tag").stat().st_mode) == 0o644


def test_what_was_ones_own_until_now_is_given_to_the_group(tmp_path: Path, group: grp.struct_group) -> None:
    """With the first command after the key was written; without the key it stays what it is."""
    own = used(tmp_path, None)
    assert {mode for mode, _ in modes(own)["files"]} == {0o600}
    again = used(tmp_path, group.gr_name)
    assert modes(again) == {"folders": {(0o2770, group.gr_gid)}, "files": {(0o660, group.gr_gid)}}
    assert modes(used(tmp_path, None)) == modes(again)


def test_a_group_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Exit 2, before anything is written."""
    with pytest.raises(ConfigError, match=r"\[state\] group: there is no group 'nosuchgroup' here"):
        used(tmp_path, "nosuchgroup")
    assert list((tmp_path / "state").iterdir()) == []


def test_a_folder_that_cannot_be_given_away_is_told(
    tmp_path: Path, group: grp.struct_group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With who can do it."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refuse)
    with pytest.raises(ConfigError, match=r"cannot be given to the group .*: Operation not permitted") as caught:
        used(tmp_path, group.gr_name)
    assert "can do that once" in caught.value.hint


def test_a_folder_around_it_that_is_a_groups_opens_nothing(tmp_path: Path) -> None:
    """Without the key, the state is its owner's alone, wherever it is."""
    tmp_path.chmod(0o2775)
    assert {mode & 0o077 for found in modes(used(tmp_path, None)).values() for mode, _ in found} == {0}
