"""`images`."""

import pytest

from deploykit.errors import RegistryFailed
from deploykit.protocols import Offer
from deploykit.release import ImageRef
from tests.unit.cli.conftest import Cli, Registry
from tests.unit.world import REPOSITORY


def stranger(tag: str) -> ImageRef:
    return ImageRef(REPOSITORY, tag, f"sha256:{tag[0].encode().hex()[0] * 64}")


def test_what_the_registry_has(cli: Cli) -> None:
    """With what the journal knows of the same content, and what of a tag that was pushed again."""
    cli.world.good("one", "two")
    kept = cli.world.last.candidate
    assert kept
    registry = Registry(
        [
            Offer(stranger("next"), 2**20, created=cli.world.clock.time()),
            Offer(kept.image, 3 * 2**20, created=0.0),
            Offer(stranger("one"), platforms=("linux/arm64",), wanted="linux/amd64"),
            Offer(ImageRef(REPOSITORY, "gone"), problem="it went"),
        ],
        left_out=4,
    )
    registry.stands_behind(cli)
    assert cli("images", "--remote") == 0
    assert registry.asked == (REPOSITORY, 20, frozenset({"one", "two"}))
    rows = [line.split() for line in cli.lines]
    assert rows[0] == ["TAG", "LAST", "ENDED", "NOW", "AGE", "PULL", "HERE", "DIGEST"]
    assert rows[1][:3] == ["next", "never", "deployed"]
    assert rows[2][:4] == ["two", "r2", "deployed", "current"]
    assert (rows[2][-4:-1], rows[3][:3]) == (["3", "MiB", "yes"], ["one", "never", "deployed"])
    assert cli.lines[5:] == [
        "one: it is there for linux/arm64, and not for linux/amd64",
        "gone: it went",
        "4 more tags were not looked at; --limit N looks at more",
    ]
    said = cli.json("images", "--remote", "--limit", "9")
    assert registry.asked == (REPOSITORY, 9, frozenset({"one", "two"}))
    assert said["left_out"] == 4
    assert [one["moved_since"] for one in said["images"]] == [None, None, "r1", None]
    assert [one["at_hand"] for one in said["images"]] == [False, True, False, False]
    assert [one["deployment"] for one in said["images"]] == [None, "r2", None, None]


def test_a_tag_that_was_pushed_again(cli: Cli) -> None:
    """It is told, under the table."""
    cli.world.good("one")
    Registry([Offer(stranger("one"))]).stands_behind(cli)
    cli("images", "--remote")
    assert cli.lines[-1] == "one: it was pushed again since r1, which had other content"


def test_a_registry_that_does_not_tell(cli: Cli) -> None:
    """One line and a hint; exit 1: neither the engine nor the config."""
    registry = Registry([], fails=RegistryFailed("ghcr.io is not well: HTTP 503", hint="Try again later."))
    registry.stands_behind(cli)
    assert cli("images", "--remote") == 1
    assert cli.err == "deploykit: error: ghcr.io is not well: HTTP 503\n  hint: Try again later.\n"
    assert cli.json("images", "--remote") | {"event": "deployment.refused", "exit_code": 1} == cli.json(
        "images", "--remote"
    )


@pytest.mark.parametrize("words", [("--remote",), ("--remote", "--limit", "0")])
def test_what_cannot_be_asked(cli: Cli, words: tuple[str, ...]) -> None:
    """A backend without a registry, and no tags at all."""
    assert cli("images", *words) == 2


def test_the_versions_at_hand(cli: Cli) -> None:
    """Newest first, with what became of each; in words and in JSON."""
    assert cli("images") == 0
    assert cli.lines == ["no image is at hand"]
    cli.world.good("one", "two")
    cli.world.backend.release("bad").crashes()
    cli("run", "--tag", "bad")
    cli("images")
    assert [line.split()[:4] for line in cli.lines] == [
        ["TAG", "LAST", "ENDED", "NOW"],
        ["bad", "r3", "rolled_back", cli.lines[1].split()[3]],
        ["two", "r2", "deployed", "current"],
        ["one", "r1", "deployed", "target"],
    ]
    said = cli.json("images")
    assert said[0] | {"tag": "bad", "deployment": "r3", "outcome": "rolled_back", "size": None} == said[0]
