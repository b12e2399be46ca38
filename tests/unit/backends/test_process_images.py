"""Folders as images: their digests, and the store that keeps them."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploykit.errors import ConfigError, Interrupted, PullFailed
from deploykit.interrupt import Cause, Interruption
from deploykit.plugins import tree
from deploykit.protocols import Control, PullPolicy
from deploykit.release import ImageRef
from tests.unit.backends.test_process_stage import Stage, staged

ALWAYS, MISSING, NEVER = PullPolicy.always, PullPolicy.missing, PullPolicy.never


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path) as stage:
        yield stage


def image(tag: str | None = "v1", digest: str | None = None) -> ImageRef:
    return ImageRef("example/app", tag, digest, digest)


def unchecked() -> None:
    """Let a step go on."""


def sample(folder: Path) -> Path:
    """Write a folder with one of everything in it."""
    (folder / "sub" / "empty").mkdir(parents=True)
    (folder / "sub" / "file").write_bytes(b"content")
    (folder / "run").write_text("#!/bin/sh\n")
    (folder / "run").chmod(0o755)
    (folder / "link").symlink_to("sub/file")
    return folder


def relink(link: Path, target: str) -> None:
    link.unlink()
    link.symlink_to(target)


CHANGES: dict[str, Callable[[Path], object]] = {
    "bytes": lambda folder: (folder / "sub" / "file").write_bytes(b"Content"),
    "executable": lambda folder: (folder / "run").chmod(0o644),
    "name": lambda folder: (folder / "run").rename(folder / "ran"),
    "place": lambda folder: (folder / "run").rename(folder / "sub" / "run"),
    "gone": lambda folder: (folder / "run").unlink(),
    "new": lambda folder: (folder / "more").touch(),
    "new folder": lambda folder: (folder / "more").mkdir(),
    "link": lambda folder: relink(folder / "link", "run"),
    "link or file": lambda folder: (folder / "run").replace(folder / "link"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_another_digest(tmp_path: Path, change: str) -> None:
    """Whatever of the content changes, the digest does too."""
    before = tree.digest(sample(tmp_path / "x"), unchecked)
    CHANGES[change](tmp_path / "x")
    assert tree.digest(tmp_path / "x", unchecked) != before


def test_the_same_content_is_the_same_digest(tmp_path: Path) -> None:
    """Where a folder lies, when it was written and by whom it may be read are not content."""
    one, other = sample(tmp_path / "one"), sample(tmp_path / "deep" / "other")
    os.utime(other / "run", (0, 0))
    (other / "sub" / "file").chmod(0o600)
    assert tree.digest(one, unchecked) == tree.digest(other, unchecked)


def test_a_copy_is_the_same(tmp_path: Path) -> None:
    """A copy has the digest of its original, and its times and modes."""
    original = sample(tmp_path / "x")
    os.utime(original / "run", (5, 5))
    tree.copy(original, tmp_path / "y", unchecked)
    assert tree.digest(tmp_path / "y", unchecked) == tree.digest(original, unchecked)
    assert (tmp_path / "y" / "run").stat().st_mtime == 5
    assert (tmp_path / "y" / "run").stat().st_mode == (original / "run").stat().st_mode
    assert (tmp_path / "y" / "link").readlink() == Path("sub/file")


def test_links_out_of_the_folder_still_lead_there(tmp_path: Path) -> None:
    """A link to something shared by all releases leads there from the copy too."""
    (tmp_path / "shared").write_text("shared")
    folder = sample(tmp_path / "releases" / "x")
    (folder / "sub" / "shared").symlink_to("../../../shared")
    (folder / "absolute").symlink_to(f"{tmp_path}/releases/../shared")
    (folder / "own").symlink_to(f"{folder}/sub/../run")
    tree.copy(folder, tmp_path / "copy", unchecked)
    assert (tmp_path / "copy" / "sub" / "shared").read_text() == "shared"
    assert (tmp_path / "copy" / "absolute").read_text() == "shared"
    assert tree.digest(tmp_path / "copy", unchecked) == tree.digest(folder, unchecked)


def test_what_is_no_content(tmp_path: Path) -> None:
    """A pipe that an app has left in its folder neither counts nor hangs the copy."""
    folder = sample(tmp_path / "x")
    before = tree.digest(folder, unchecked)
    os.mkfifo(folder / "pipe")
    assert tree.digest(folder, unchecked) == before
    tree.copy(folder, tmp_path / "y", unchecked)
    assert not (tmp_path / "y" / "pipe").exists()


NAMES = st.text("ab.é ", min_size=1, max_size=3).filter(lambda name: name not in {".", ".."})


@settings(deadline=None, max_examples=30)  # files are as slow as the disk is
@given(st.dictionaries(NAMES, st.binary(max_size=20), max_size=5), st.dictionaries(NAMES, st.binary(max_size=20)))
def test_no_two_contents_have_one_digest(
    tmp_path_factory: pytest.TempPathFactory, one: dict[str, bytes], other: dict[str, bytes]
) -> None:
    """Two folders have the same digest exactly when they hold the same files."""
    digests = []
    for files in (one, other):
        folder = tmp_path_factory.mktemp("folder")
        for name, content in files.items():
            (folder / name).write_bytes(content)
        digests.append(tree.digest(folder, unchecked))
    assert (digests[0] == digests[1]) == (one == other)


def test_a_pull_pins_what_is_in_the_folder(stage: Stage) -> None:
    """What comes is pinned by its content, at hand from then on, by id, by digest and by name."""
    folder = stage.folder("v1")
    backend = stage.backend()
    came = backend.pull(image(), ALWAYS, Control())
    assert came.name == "example/app:v1"
    assert came.id == came.digest == f"sha256:{tree.digest(folder, unchecked)}"
    assert backend.find(image()) == came
    assert backend.find(image(digest=came.digest)) == came
    assert backend.find(ImageRef("example/app", "v1", came.digest)) == came
    assert backend.find(ImageRef("example/other", "other", id=came.id))
    assert backend.find(image("v2")) is None
    assert backend.find(image(digest=f"sha256:{'0' * 64}")) is None


@pytest.mark.parametrize("policy", [ALWAYS, MISSING])
def test_a_missing_folder(stage: Stage, policy: PullPolicy) -> None:
    """A release whose folder is not there does not come, and the folder is named."""
    with pytest.raises(PullFailed, match=f"no folder {stage.base}/releases/v1"):
        stage.backend().pull(image(), policy, Control())


def test_a_file_is_no_folder(stage: Stage) -> None:
    """A file in the folder's place is not a release."""
    (stage.base / "releases").mkdir()
    (stage.base / "releases" / "v1").touch()
    with pytest.raises(PullFailed, match="no folder"):
        stage.backend().pull(image(), ALWAYS, Control())


def test_policies(stage: Stage) -> None:
    """`never` and `missing` take what is at hand, `always` what is there now, `never` nothing else."""
    backend = stage.backend()
    stage.folder("v1", "one")
    with pytest.raises(PullFailed, match="not at hand"):
        backend.pull(image(), NEVER, Control())
    one = backend.pull(image(), MISSING, Control())
    stage.folder("v1", "two")
    assert backend.pull(image(), NEVER, Control()) == one
    assert backend.pull(image(), MISSING, Control()) == one
    assert backend.pull(image(), ALWAYS, Control()) != one


def test_content_that_is_named_never_moves(stage: Stage) -> None:
    """A pinned image is at hand whatever its folder holds now, and its name stays with what came last."""
    backend = stage.backend()
    stage.folder("v1", "one")
    one = backend.pull(image(), ALWAYS, Control())
    stage.folder("v1", "two")
    two = backend.pull(image(), ALWAYS, Control())
    for policy in PullPolicy:
        assert backend.pull(one, policy, Control()) == one
    assert backend.find(image()) == two
    assert backend.images() == [two, one]


def test_the_name_goes_back_with_the_folder(stage: Stage) -> None:
    """A folder that is again what it was gives its old content the name back."""
    backend = stage.backend()
    pulled = []
    for script in ("one", "two", "one"):
        stage.folder("v1", script)
        pulled.append(backend.pull(image(), ALWAYS, Control()))
    assert pulled[0] == pulled[2] == backend.find(image())
    assert backend.images() == [pulled[0], pulled[1]]


def test_one_content_of_several_names(stage: Stage) -> None:
    """Content that was pulled under two tags is listed with both, the newest first."""
    backend = stage.backend()
    for tag in ("v1", "v2"):
        stage.folder(tag, "same")
        backend.pull(image(tag), ALWAYS, Control())
    assert [one.tag for one in backend.images()] == ["v2", "v1"]


def test_content_that_is_not_what_it_was(stage: Stage) -> None:
    """A pinned image that is not at hand does not come from a folder with other content."""
    stage.folder("v1", "new")
    backend = stage.backend()
    with pytest.raises(PullFailed, match="does not hold what"):
        backend.pull(image(digest=f"sha256:{'0' * 64}"), MISSING, Control())
    assert not backend.images()


def test_content_that_is_what_it_was(stage: Stage) -> None:
    """A pinned image whose content was lost from the store comes from its folder again."""
    stage.folder("v1")
    backend = stage.backend()
    came = backend.pull(image(), ALWAYS, Control())
    shutil.rmtree(stage.state / "process" / "images")
    assert backend.find(came) is None
    assert backend.pull(came, MISSING, Control()) == came


def test_an_interrupt_before_the_pull(stage: Stage) -> None:
    """A pull that is told to stop from the start brings nothing."""
    stage.folder("v1")
    control = Control()
    control.interruption.request(Cause.sigint)
    with pytest.raises(Interrupted):
        stage.backend().pull(image(), ALWAYS, control)
    assert not stage.state.exists()


@pytest.mark.parametrize("after", range(1, 16, 2))
def test_a_pull_can_be_cut(stage: Stage, after: int) -> None:
    """A pull that is told to stop, at whatever point, leaves nothing behind."""
    sample(stage.folder("v1") / "more")
    asked = iter(range(100))
    control = Control(Interruption(asked_elsewhere=lambda: next(asked) >= after))
    backend = stage.backend()
    with pytest.raises(Interrupted):
        backend.pull(image(), ALWAYS, control)
    assert {path.name for path in (stage.state / "process" / "images").iterdir()} <= {"lock"}
    assert backend.pull(image(), ALWAYS, Control()).id


def test_what_a_kill_leaves_is_cleared_away(stage: Stage) -> None:
    """The next pull clears away what one that was killed has left half done."""
    stage.folder("v1")
    stale = stage.state / "process" / "images" / ".incoming-left"
    sample(stale / "content")
    backend = stage.backend()
    assert not backend.images()
    backend.pull(image(), ALWAYS, Control())
    assert not stale.exists()


def test_a_folder_that_changes_while_it_is_copied(stage: Stage) -> None:
    """Half of one content and half of another are not pulled."""
    folder = stage.folder("v1")
    (folder / "more").write_text("before")

    def change() -> bool:
        if list(stage.state.glob("process/images/.incoming-*")):
            (folder / "more").write_text("after")
        return False

    with pytest.raises(PullFailed, match="changed while"):
        stage.backend().pull(image(), ALWAYS, Control(Interruption(asked_elsewhere=change)))
    assert not list(stage.state.glob("process/images/*/content"))


def test_a_folder_that_cannot_be_read(stage: Stage) -> None:
    """What the system says about a copy that did not work is passed on."""
    stage.folder("v1")
    (stage.state / "process").mkdir(parents=True)
    (stage.state / "process" / "images").write_text("in the way")
    with pytest.raises(PullFailed, match="cannot be copied") as failed:
        stage.backend().pull(image(), ALWAYS, Control())
    assert "images" in failed.value.detail


def test_pulls_at_once(stage: Stage) -> None:
    """Pulls of the same content from several threads end with one copy of it, at hand for all."""
    stage.folder("v1")
    came: list[ImageRef] = []
    threads = [
        threading.Thread(target=lambda: came.append(stage.backend().pull(image(), ALWAYS, Control()))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(came) == 8
    assert len(set(came)) == 1
    assert stage.backend().images() == [came[0]]


@pytest.mark.parametrize("directory", ["..", ".", "../{tag}", "releases/../../{tag}", "/", ".deploykit/process"])
def test_folders_that_cannot_be_releases(stage: Stage, directory: str) -> None:
    """A relative folder stays below the configuration's; no folder holds the state that changes with it."""
    backend = stage.backend(directory=directory)
    with pytest.raises(ConfigError, match=r"backend\.directory"):
        backend.snapshot(image())
    with pytest.raises(ConfigError, match=r"backend\.directory"):
        backend.pull(image(), ALWAYS, Control())


def test_an_absolute_folder(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Releases may lie anywhere, when that is said."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    sample(elsewhere / "v1")
    backend = stage.backend(directory=f"{elsewhere}/{{tag}}")
    assert backend.snapshot(image()).files
    assert backend.pull(image(), ALWAYS, Control()).id


def test_everything_is_for_its_owner_alone(stage: Stage) -> None:
    """What is made in the state folder can be read by nobody else."""
    stage.folder("v1")
    stage.backend().pull(image(), ALWAYS, Control())
    assert (stage.state / "process").stat().st_mode & 0o777 == 0o700
    for path in (stage.state / "process").iterdir():
        assert path.stat().st_mode & 0o077 == 0
