"""What `deploykit.plugins.InPlace` makes of little keeps the contract, deaths included."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from deploykit.errors import ConfigError, PullFailed, StepFailed
from deploykit.plugins import Found, InPlace, Setting
from deploykit.protocols import Backend, Control, Identity, PullPolicy, ReleaseFiles
from deploykit.release import ImageRef, Instance, Release, Status
from deploykit.testing import BackendContract, ContractStage


class Shelf(InPlace):
    """Instances are entries of a list; an image may be one that exits at once."""

    def __init__(self) -> None:
        self.published: dict[str, int | None] = {}
        self.at_hand: list[ImageRef] = []
        self.entries: list[Found] = []
        self.numbers = itertools.count()

    def identity(self) -> Identity:
        return Identity("shelf", "shop")

    def pull(self, image: ImageRef, policy: PullPolicy, control: Control) -> ImageRef:
        found = self.find(image)
        if found and (image.id or policy is not PullPolicy.always):
            return found
        if policy is PullPolicy.never or image.tag not in self.published:
            raise PullFailed("it is not there")
        pinned = replace(image, id=f"sha256:{sha256(image.name.encode()).hexdigest()}")
        self.at_hand = [pinned, *(one for one in self.at_hand if one != pinned)]
        return pinned

    def images(self) -> Sequence[ImageRef]:
        return self.at_hand

    def drop(self, image: ImageRef) -> bool:
        before = len(self.at_hand)
        self.at_hand = [one for one in self.at_hand if one.id != image.id]
        return len(self.at_hand) < before

    def present(self) -> Sequence[Found]:
        return self.entries

    def launch(self, release: Release, control: Control) -> None:
        code = self.published[str(release.image.tag)]
        status: Status = "running" if code is None else "exited"
        instance = Instance(f"i{next(self.numbers)}", "app", status, release.id, exit_code=code)
        self.entries = [Found(instance, release.image, release.fingerprint), *self.entries]

    def end(self, one: Found) -> None:
        self.entries = [entry for entry in self.entries if entry != one]

    def logs(self, release: Release, tail: int) -> str:
        return "going down" if any(not one.alive for one in self.instances(release)) else ""


class ShelfStage:
    last_words = "going down"
    missing = ImageRef("shop", "nosuch")

    def __init__(self, folder: Path) -> None:
        self.shelf = Shelf()
        self.backend: Backend = self.shelf
        self.files: ReleaseFiles = Setting(app="shop", state=folder).files

    def publish(self, tag: str, exit_code: int | None = None) -> ImageRef:
        self.shelf.published[tag] = exit_code
        return ImageRef("shop", tag)


class TestInPlace(BackendContract):
    @pytest.fixture
    def stage(self, tmp_path: Path) -> ContractStage:
        return ShelfStage(tmp_path)


def test_a_watch_waits_no_longer_than_it_was_told() -> None:
    """And tells what is there already, dead or alive, at once."""
    shelf = Shelf()
    shelf.published = {"one": None}
    release = Release("r1", shelf.pull(ImageRef("shop", "one"), PullPolicy.always, Control()))
    with shelf.watch(release) as watch:
        assert watch.wait(0) == []
        shelf.start(release, Control())
        assert [one.alive for one in watch.wait(10)] == [True]
        assert watch.wait(0.01) == []


def test_what_was_started_by_hand_is_an_adopted_release_s() -> None:
    """By its content: nothing is written on it."""
    image = ImageRef("shop", "one", id="sha256:" + "1" * 64)
    found = Found(Instance("i1", "app", "running"), image)
    assert found.of(Release("r1a", image))
    assert not found.of(Release("r1", image))


def test_what_it_has_not_it_says() -> None:
    """A rehearsal, and commands inside."""
    shelf, release = Shelf(), Release("r1", ImageRef("shop"))
    with pytest.raises(ConfigError, match="rehearse"):
        shelf.rehearse(release, Control())
    with pytest.raises(StepFailed):
        shelf.execute(Instance("i1", "app", "running"), ["ls"], 1)
    assert (shelf.beside, shelf.has_release_command(), shelf.labels(release.image)) == (False, False, {})
