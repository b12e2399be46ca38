"""The images of the fake: a registry, and what is at hand."""

import dataclasses

import pytest

from deploykit.errors import PullFailed
from deploykit.protocols import PullPolicy
from deploykit.release import ImageRef
from deploykit.testing.images import FakeImages

REPOSITORY = "example.com/team/web"
ONE = ImageRef(REPOSITORY, "one")


@pytest.fixture
def images() -> FakeImages:
    return FakeImages(REPOSITORY)


def test_the_registry_has_every_tag_of_its_repository(images: FakeImages) -> None:
    """What came is pinned, and the same the next time; of another repository it has nothing."""
    came = images.pull(ONE, PullPolicy.always)
    assert came.digest != came.id
    assert (came.name, images.pull(ONE, PullPolicy.always)) == (f"{REPOSITORY}:one", came)
    with pytest.raises(PullFailed, match="not found"):
        images.pull(ImageRef("other", "one"), PullPolicy.always)


def test_a_push_moves_a_tag_to_new_content(images: FakeImages) -> None:
    """What is at hand stays what it was until it is pulled again."""
    before = images.pull(ONE, PullPolicy.always)
    images.push("one")
    assert images.pull(ONE, PullPolicy.missing) == before
    after = images.pull(ONE, PullPolicy.always)
    assert after.id != before.id
    assert images.find(ONE) == after
    assert images.find(before) == before, "the old content is still there, by its id"


@pytest.mark.parametrize("pin", ["id", "digest"])
def test_what_is_pinned_is_found_by_content(images: FakeImages, pin: str) -> None:
    """Whatever its tag names by now; with the registry down, too."""
    came = images.pull(ONE, PullPolicy.always)
    images.push("one")
    images.pull(ONE, PullPolicy.always)
    images.down = True
    wanted = dataclasses.replace(came, id=None) if pin == "digest" else dataclasses.replace(came, digest=None)
    assert images.find(wanted) == came
    assert images.pull(wanted, PullPolicy.always) == came


def test_when_the_registry_is_asked(images: FakeImages) -> None:
    """As the policy has it."""
    with pytest.raises(PullFailed, match="not at hand"):
        images.pull(ONE, PullPolicy.never)
    came = images.pull(ONE, PullPolicy.missing)
    images.down = True
    assert images.pull(ONE, PullPolicy.missing) == images.pull(ONE, PullPolicy.never) == came
    with pytest.raises(PullFailed, match="registry does not answer"):
        images.pull(ONE, PullPolicy.always)


def test_a_pull_fails_as_often_as_it_was_told_to(images: FakeImages) -> None:
    """Then it works."""
    images.script("one").pull_fails(2)
    for _ in range(2):
        with pytest.raises(PullFailed, match="connection reset"):
            images.pull(ONE, PullPolicy.always)
    assert images.pull(ONE, PullPolicy.always).id


def test_a_prune_drops_what_no_tag_names_and_nobody_keeps_or_uses(images: FakeImages) -> None:
    """As `docker image prune -f` does."""
    came = {}
    for what in ("lost", "kept", "used"):
        came[what] = images.pull(ImageRef(REPOSITORY, what), PullPolicy.always)
        images.push(what)
        images.pull(ImageRef(REPOSITORY, what), PullPolicy.always)
    images.kept.add(str(came["kept"].id))
    images.prune({str(came["used"].id)})
    assert [what for what, image in came.items() if images.find(image)] == ["kept", "used"]
    assert images.find(ImageRef(REPOSITORY, "lost")), "what its tag names now is not lost"


def test_a_script_is_that_of_what_the_registry_s_tag_names_now(images: FakeImages) -> None:
    """A push begins a new one, and the old content keeps its own."""
    first = images.script("one").crashes()
    assert images.script("one") is first
    second = images.push("one")
    assert images.script("one") is second
    assert (images.contents[str(first.image.id)], second.behaviour.exit_code) == (first, 0)
