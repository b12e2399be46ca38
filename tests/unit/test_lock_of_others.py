"""The lock of a state folder, and what is told when it cannot be used."""

import json
import os
from pathlib import Path

import pytest

from deploykit.errors import ConfigError, Locked
from deploykit.interrupt import Interruption
from deploykit.lock import FileLock
from deploykit.processes import start_time
from deploykit.protocols import Identity
from deploykit.store import StateFolder
from deploykit.testing import ManualClock


class Naming(ManualClock):
    """A clock on which the holder of a lock writes its name while it is waited for."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        named = {"pid": os.getpid(), "by": "ann@ci", "since": 0.0, "doing": "deploy"}
        self.path.write_text(json.dumps({**named, "start_time": start_time(os.getpid())}))


def test_a_holder_that_has_not_named_itself_yet_is_named_all_the_same(tmp_path: Path) -> None:
    """Of two that begin at once, the second tells pid, user and since of the first, however early it comes."""
    path = tmp_path / "lock"
    first, second = FileLock(path, ManualClock()), FileLock(path, Naming(path))
    with first.acquire("deploy", 0, Interruption()):
        path.write_text("")
        with pytest.raises(Locked, match="ann@ci"), second.acquire("deploy", 0, Interruption()):
            pass


def test_an_abort_request_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Like every file of the state folder it is 0600, and the holder that it is for knows it."""
    lock = FileLock(tmp_path / "lock", ManualClock())
    with lock.acquire("deploy", 0, Interruption()) as held:
        assert lock.request_abort()
        assert held.abort_requested()
        assert (tmp_path / "abort").stat().st_mode & 0o777 == 0o600


def test_a_lock_that_cannot_be_used_is_a_refusal(tmp_path: Path) -> None:
    """Exit 2, naming file and owner, for those who take it and those who look."""
    (tmp_path / "lock").mkdir()
    lock = FileLock(tmp_path / "lock", ManualClock())
    with pytest.raises(ConfigError, match="lock") as refused, lock.acquire("deploy", 0, Interruption()):
        pass
    assert (tmp_path / "lock").owner() in refused.value.hint


def test_a_state_folder_of_somebody_else_is_a_refusal_for_those_who_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`status` and `history` name its owner too, and how to mend it."""
    state = StateFolder(tmp_path, tmp_path / ".previous_image_tag", ManualClock())
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ConfigError, match="belongs to") as refused:
        state.journal_to_read(Identity("engine", "project"))
    assert "chown" in refused.value.hint
