"""Writing files so that a crash leaves the old content or the new, and nobody else reads them."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploykit.disk import make_private_folder, replace_file, write_private


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    """What is private must not depend on the umask."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_every_folder_that_is_made_is_private(tmp_path: Path) -> None:
    """Also those above it that were missing; those that are there stay as they are."""
    (tmp_path / "there").mkdir(mode=0o755)
    for _ in range(2):
        make_private_folder(tmp_path / "there" / "a" / "b")
    modes = [mode(tmp_path / path) for path in ("there", "there/a", "there/a/b")]
    assert modes == [0o755, 0o700, 0o700]


def test_a_private_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    """From the moment it is made; a shorter content leaves nothing of a longer one."""
    write_private(tmp_path / "a" / "file", b"longer")
    write_private(tmp_path / "a" / "file", b"short")
    assert (tmp_path / "a" / "file").read_bytes() == b"short"
    assert (mode(tmp_path / "a"), mode(tmp_path / "a" / "file")) == (0o700, 0o600)


def test_a_file_is_on_the_disk_when_it_has_been_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its content is synced before its name is, and the name before replace_file returns."""

    def name(descriptor: int) -> str:
        return Path(f"/proc/self/fd/{descriptor}").readlink().name

    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(name(descriptor)))
    replace_file(tmp_path / "file", b"x")
    assert synced == [f".file.{os.getpid()}.new", tmp_path.name]


def test_a_replaced_file_has_the_new_content_and_the_mode_that_was_asked_for(tmp_path: Path) -> None:
    """And nothing else is left in the folder."""
    (tmp_path / "file").write_text("old")
    replace_file(tmp_path / "file", b"new", mode=0o644)
    assert (tmp_path / "file").read_text() == "new"
    assert mode(tmp_path / "file") == 0o644
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
    replace_file(tmp_path / "file", b"newer")
    assert mode(tmp_path / "file") == 0o600


def test_a_reader_never_sees_half_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opened the file before still reads the old content, and a write that fails leaves it."""
    path = tmp_path / "file"
    path.write_text("old")
    with path.open() as reader:
        replace_file(path, b"new")
        assert reader.read() == "old"

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        replace_file(path, b"newer")
    assert path.read_text() == "new"
