"""Images of an engine: found, pulled, pinned, and kept."""

import json

import pytest

from deploykit.backends.engine.images import Images, familiar
from deploykit.errors import Interrupted, PullFailed, StepFailed
from deploykit.interrupt import Cause, Interruption
from deploykit.protocols import Control, PullPolicy
from deploykit.release import ImageRef, Release
from tests.unit.backends.docker import Answer, Docker, image, sha

REPOSITORY = "registry.test/team/web"
ONE = ImageRef(REPOSITORY, "one")
DIGEST = sha("digest of one")
PINNED = ImageRef(REPOSITORY, "one", DIGEST, sha("one"))
RELEASE = Release("r7", PINNED)


@pytest.fixture
def images(docker: Docker) -> Images:
    """Those of the app `shop`, on an engine that has none."""
    docker.fails("image inspect", "Error: No such image: x", out="[]")
    return Images(docker.engine(API_TOKEN="hunter2"), "shop", 0.5)


def has(docker: Docker, reference: str, found: dict[str, object]) -> None:
    docker.says(f"image inspect {reference}", [found])


def test_an_image_is_found_by_its_tag_and_pinned(docker: Docker, images: Images) -> None:
    """Digest and id are those that the engine has for it; the registry is not asked."""
    has(docker, "registry.test/team/web:one", image())
    assert images.find(ONE) == PINNED
    assert images.find(ImageRef(REPOSITORY, "two")) is None
    assert docker.calls("pull") == []


def test_what_is_pinned_is_found_by_content_and_never_by_its_tag(docker: Docker, images: Images) -> None:
    """By id first, then by digest; its tag may have moved."""
    has(docker, "registry.test/team/web:one", image("moved"))
    assert images.find(PINNED) is None
    has(docker, f"registry.test/team/web@{DIGEST}", image())
    assert images.find(PINNED) == PINNED
    has(docker, sha("one"), image(RepoTags=[], RepoDigests=[]))
    assert images.find(PINNED) == ImageRef(REPOSITORY, "one", None, sha("one"))
    assert not docker.calls("registry.test/team/web:one")


def test_the_digest_is_that_of_the_image_s_own_repository(docker: Docker, images: Images) -> None:
    """The same content may lie in several registries, under digests of their own."""
    digests = [f"other.test/web@{sha('x')}", f"{REPOSITORY}@{sha('y')}", f"{REPOSITORY}@{DIGEST}"]
    has(docker, "registry.test/team/web:one", image(RepoDigests=digests))
    found = images.find(ONE)
    assert found
    assert found.digest == sha("y")
    has(docker, sha("one"), image(RepoDigests=digests))
    assert images.find(PINNED) == PINNED, "the one that it is known by stays"


def test_a_local_image_is_pinned_by_its_id(docker: Docker, images: Images) -> None:
    """No registry holds it, so it has no digest."""
    has(docker, "registry.test/team/web:one", image(RepoDigests=[]))
    found = images.find(ONE)
    assert found
    assert found.pinned == sha("one")


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("docker.io/library/redis", "redis"),
        ("index.docker.io/team/web", "team/web"),
        ("registry.test/web", "registry.test/web"),
    ],
)
def test_docker_hub_s_names_are_short(name: str, known: str) -> None:
    """The engine shows them without what they leave out."""
    assert familiar(name) == known


@pytest.mark.parametrize(
    ("policy", "at_hand", "pulls"),
    [
        (PullPolicy.always, True, 1),
        (PullPolicy.always, False, 1),
        (PullPolicy.missing, True, 0),
        (PullPolicy.missing, False, 1),
        (PullPolicy.never, True, 0),
    ],
)
def test_when_the_registry_is_asked(
    docker: Docker, images: Images, policy: PullPolicy, *, at_hand: bool, pulls: int
) -> None:
    """As the policy has it; what came is pinned."""
    found = Answer(json.dumps([image()]))
    first = found if at_hand or policy is PullPolicy.always else Answer("[]", "Error: No such image", 1)
    docker.answers("image inspect", first, found)
    docker.says("pull")
    assert images.bring(ONE, policy, Control()) == PINNED
    assert docker.calls("pull") == ["pull registry.test/team/web:one"] * pulls


def test_with_never_an_image_that_is_not_at_hand_does_not_come(docker: Docker, images: Images) -> None:
    """And the registry is not asked."""
    with pytest.raises(PullFailed, match=f"Pull failed: {REPOSITORY}:one is not at hand, and pull is 'never'"):
        images.bring(ONE, PullPolicy.never, Control())
    assert docker.calls("pull") == []


def test_what_is_pinned_is_pulled_by_its_digest(docker: Docker, images: Images) -> None:
    """Never by its tag: that may name other content by now."""
    docker.says("pull")
    has(docker, f"registry.test/team/web@{DIGEST}", image())
    assert images.bring(PINNED, PullPolicy.always, Control()) == PINNED
    assert docker.calls("pull") == [f"pull registry.test/team/web@{DIGEST}"]


@pytest.mark.parametrize(
    ("live", "told"),
    [
        (True, ["aaaaaaaaaaaa: Downloading  1MB/2MB", "aaaaaaaaaaaa: Pull complete"]),
        (False, ["aaaaaaaaaaaa: Downloading  1MB/2MB\raaaaaaaaaaaa: Pull complete"]),
    ],
)
def test_who_looks_on_is_told_sizes(docker: Docker, images: Images, told: list[str], *, live: bool) -> None:
    """Docker tells them to a terminal alone; nobody else gets its steering."""
    docker.says("image inspect", [image()])
    docker.says("pull", "aaaaaaaaaaaa: Downloading  1MB/2MB\raaaaaaaaaaaa: Pull complete\n")
    heard: list[str] = []
    images.bring(PINNED, PullPolicy.always, Control(live=live, progress=heard.append))
    assert heard == told


def test_a_pull_that_fails_says_why(docker: Docker, images: Images) -> None:
    """In the registry's own words, without secrets."""
    docker.fails("pull", "trying hunter2\nError response from daemon: manifest unknown")
    with pytest.raises(PullFailed) as caught:
        images.bring(ONE, PullPolicy.always, Control())
    assert str(caught.value) == f"Pull failed: {REPOSITORY}:one: Error response from daemon: manifest unknown"
    assert caught.value.detail.splitlines()[0] == "trying [redacted]"


def test_a_pull_that_takes_too_long_is_ended(docker: Docker, images: Images) -> None:
    """It says how long it was given, and how to give it more."""
    docker.hangs("pull")
    with pytest.raises(PullFailed, match=r"did not come within 0\.5s") as caught:
        images.bring(ONE, PullPolicy.always, Control())
    assert "pull_timeout" in caught.value.hint


def test_a_pull_can_be_cut(docker: Docker, images: Images) -> None:
    """Told to stop, it stops, and its lines were passed on."""
    docker.hangs("pull", "one: Pulling from team/web\n")
    interruption, told = Interruption(), []

    def progress(line: str) -> None:
        told.append(line)
        interruption.request(Cause.sigint)

    with pytest.raises(Interrupted):
        images.bring(ONE, PullPolicy.always, Control(interruption, progress=progress))
    assert told == ["one: Pulling from team/web"]


def test_an_image_that_is_gone_again_after_its_pull(docker: Docker, images: Images) -> None:
    """Somebody pruned at that very moment."""
    docker.says("pull")
    with pytest.raises(PullFailed, match="came, and is gone again"):
        images.bring(ONE, PullPolicy.always, Control())


def test_a_release_s_image_gets_a_tag_of_our_own(docker: Docker, images: Images) -> None:
    """By id, so that it survives the tag's moving and everybody's prune."""
    docker.says("tag")
    images.keep(RELEASE)
    assert docker.calls("tag") == [f"tag {sha('one')} deploykit/shop:r7"]
    docker.fails("tag", "Error: No such image")
    with pytest.raises(StepFailed, match=f"keeping {REPOSITORY}:one failed: Error: No such image"):
        images.keep(RELEASE)


def test_what_serves_goes_without_our_tag(docker: Docker, images: Images) -> None:
    """Docker's tools then show it under the name that people know; other apps' tags stay."""
    tags = [f"{REPOSITORY}:one", "deploykit/shop:r6", "deploykit/shop:r7", "deploykit/other:r7"]
    has(docker, sha("one"), image(RepoTags=tags))
    docker.says("rmi")
    images.settle(RELEASE)
    assert docker.calls("rmi") == ["rmi --no-prune deploykit/shop:r6", "rmi --no-prune deploykit/shop:r7"]


@pytest.mark.parametrize("tags", [["deploykit/shop:r7"], ["deploykit/shop:r7", f"{REPOSITORY}:two"]])
def test_what_serves_keeps_our_tag_when_its_own_has_moved(docker: Docker, images: Images, tags: list[str]) -> None:
    """Nothing else holds it once its container is replaced."""
    has(docker, sha("one"), image(RepoTags=tags))
    images.settle(RELEASE)
    assert docker.calls("rmi") == []


def test_an_old_image_that_another_app_keeps_loses_our_names_alone(docker: Docker, images: Images) -> None:
    """Two targets of one config run the same image: it goes when the last of them lets go of it."""
    own = f"{REPOSITORY}:one"
    has(docker, sha("one"), image(RepoTags=["deploykit/shop-staging:r3", "deploykit/shop:r7", own]))
    for name in ("deploykit/shop:r7", own, f"{REPOSITORY}@{DIGEST}"):
        has(docker, name, image())
    docker.says("ps")
    docker.says("rmi")
    assert images.discard(RELEASE, [])
    assert docker.calls("rmi") == ["rmi --no-prune deploykit/shop:r7"]

    has(docker, sha("one"), image(RepoTags=["deploykit/shop:r7", own]))
    assert images.discard(RELEASE, [])
    assert [call.split()[-1] for call in docker.calls("rmi")[1:]] == [
        "deploykit/shop:r7",
        own,
        f"{REPOSITORY}@{DIGEST}",
    ]


def test_the_kept_images_are_listed_once_each(docker: Docker, images: Images) -> None:
    """Newest first, as the engine tells them, pinned by id."""
    docker.says("images", f"{sha('b')}\n{sha('a')}\n{sha('b')}\n")
    assert [one.id for one in images.kept()] == [sha("b"), sha("a")]
    assert docker.calls() == ["images --quiet --no-trunc deploykit/shop"]


@pytest.mark.parametrize(
    ("config", "has_one"),
    [
        ({}, False),
        (None, False),
        ({"Healthcheck": {"Test": ["CMD", "x"]}}, True),
        ({"Healthcheck": {"Test": ["NONE"]}}, False),
        ({"Healthcheck": {"Test": []}}, False),
    ],
)
def test_whether_an_image_has_a_healthcheck(
    docker: Docker, images: Images, config: dict[str, object] | None, *, has_one: bool
) -> None:
    """One that switches it off has none."""
    has(docker, sha("one"), image(Config=config))
    assert images.has_healthcheck(PINNED) is has_one


@pytest.mark.parametrize(
    ("name", "ours", "expected"),
    [
        (f"{REPOSITORY}:one", None, f"{REPOSITORY}:one"),
        (f"{REPOSITORY}:one@{DIGEST}", None, f"{REPOSITORY}:one"),
        (sha("one"), None, f"{REPOSITORY}:latest"),
        (sha("one"), f"{REPOSITORY}:two", f"{REPOSITORY}:two"),
    ],
)
def test_the_image_of_a_container_has_the_name_that_it_was_started_with(
    docker: Docker, images: Images, name: str, ours: str | None, expected: str
) -> None:
    """What deploykit wrote on it goes first; of a bare id, a name that the image has, and none of our own tags."""
    has(docker, sha("one"), image(RepoTags=["deploykit/shop:r7", f"{REPOSITORY}:latest"]))
    found = images.of_container(sha("one"), name, ours)
    assert (found.name, found.id, found.digest) == (expected, sha("one"), DIGEST)


def test_the_image_of_a_container_may_be_gone(images: Images) -> None:
    """It is known by the container's own words, and by its id."""
    assert images.of_container(sha("one"), f"{REPOSITORY}:one", None) == ImageRef(REPOSITORY, "one", id=sha("one"))
    assert images.of_container(sha("one"), sha("one"), None).name == "unknown"


def test_an_engine_that_cannot_say_is_an_error(docker: Docker, images: Images) -> None:
    """Nobody may take that for an image that is not there."""
    docker.fails("image inspect", "Error response from daemon: input/output error")
    with pytest.raises(StepFailed, match="input/output error"):
        images.find(ONE)
