"""The files of releases, on disk."""

import shutil
from pathlib import Path

import pytest

from deploykit.release import Snapshot
from deploykit.store import ReleaseFolders
from deploykit.testing import Killed


def test_keeping_what_is_there_never_takes_it_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deploy of what serves already, killed anywhere, leaves that release the files which a rollback needs."""
    files = ReleaseFolders(tmp_path / "releases")
    snapshot = Snapshot({"docker-compose.yml": b"services: {}", "env/web.env": b"A=1"})
    files.keep("r1", snapshot)

    def killed(*_: object, **__: object) -> None:
        raise Killed

    monkeypatch.setattr(Path, "rename", killed)
    monkeypatch.setattr(shutil, "rmtree", killed)
    files.keep("r1", snapshot)
    assert files.read("r1") == snapshot


def test_what_was_spoilt_is_kept_anew(tmp_path: Path) -> None:
    """Files that somebody changed are not taken for the release's own."""
    files = ReleaseFolders(tmp_path / "releases")
    files.keep("r1", Snapshot({"a": b"1"}))
    (files.folder("r1") / "a").write_bytes(b"2")
    files.keep("r1", Snapshot({"a": b"1"}))
    assert files.read("r1") == Snapshot({"a": b"1"})
