"""`deploykit rollback` on a real engine: to what was good, by content, whatever the registry says today."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.engine.support.docker import docker
from tests.engine.support.told import assert_all_agree, assert_in_order, ended, history, status

if TYPE_CHECKING:
    from collections.abc import Callable

    from scripts.registry import OwnRegistry, Registry
    from tests.engine.support.fixtures import MakeApp
    from tests.engine.support.images import Images
    from tests.engine.support.project import App


@pytest.fixture
def three_deep(app: App) -> App:
    """An app that went through good deploys of a, b and c."""
    for tag in ("a", "b", "c"):
        app.push(tag)
        ended(app.deploykit("run", "--tag", tag), 0)
    return app


def test_each_rollback_goes_one_further_back(three_deep: App) -> None:
    """After a, b, c: b, then a, then exit 2 with nothing touched; and c can be named."""
    done = ended(three_deep.deploykit("rollback"), 0)
    assert_in_order(
        done.stdout,
        [
            "[deploy] ROLLBACK: Starting rollback to previous version...",
            f"[deploy] Rolling back to: {three_deep.images.repository}:b",
            "[deploy] Rollback completed successfully",
        ],
    )
    assert_all_agree(three_deep, "b")
    ended(three_deep.deploykit("rollback"), 0)
    assert_all_agree(three_deep, "a")
    before, rows = three_deep.container(), len(history(three_deep))

    refused = ended(three_deep.deploykit("rollback"), 2)

    assert "no earlier good release" in refused.stderr
    assert (three_deep.container(), len(history(three_deep))) == (before, rows)
    ended(three_deep.deploykit("rollback", "c"), 0)
    assert_all_agree(three_deep, "c")


def test_a_rollback_never_goes_to_a_release_that_failed(three_deep: App) -> None:
    """After an automatic restore the target is the good release before what serves."""
    three_deep.push("bad", status=500)
    ended(three_deep.deploykit("run", "--tag", "bad"), 1)

    assert three_deep.tag_file.read_text() == "b\n"
    ended(three_deep.deploykit("rollback"), 0)
    assert_all_agree(three_deep, "b")


def test_a_rollback_that_fails_restores_what_served(three_deep: App) -> None:
    """A target that is no longer healthy is not left serving: exit 1, and c serves again."""
    three_deep.write_config(probe={"require": {"version": "c"}})
    three_deep.push("d", body={"version": "c", "ok": True})
    ended(three_deep.deploykit("run", "--tag", "d"), 0)

    ended(three_deep.deploykit("rollback"), 1)

    assert_all_agree(three_deep, "d")


def test_what_is_not_there_cannot_be_gone_back_to(three_deep: App) -> None:
    """`rollback nosuch` is exit 2, names the way to deploy it, and touches nothing."""
    before = three_deep.container()

    done = ended(three_deep.deploykit("rollback", "nosuch"), 2)

    assert "run --tag nosuch" in done.stderr
    assert three_deep.container() == before


def test_a_moved_tag_goes_back_to_the_old_content(app: App) -> None:
    """A tag pushed again with other content: the image that ran comes back, also after a prune."""
    first = app.push("main")
    ended(app.deploykit("run", "--tag", "main"), 0)
    moved = app.push("main", version="moved")
    ended(app.deploykit("run", "--tag", "main"), 0)
    assert app.container().image_id == moved.image_id
    docker("image", "prune", "-f", "--filter", f"label=org.deploykit.test.scope={app.images.scope}")

    ended(app.deploykit("rollback"), 0)

    assert app.container().image_id == first.image_id
    assert app.serves("main")


def test_an_adopted_container_whose_tag_moved_comes_back_by_content(app: App) -> None:
    """What was started by hand is adopted by image id, saved under its tag, and restored after a failed deploy."""
    first = app.push("main", local=True)
    app.up_by_hand("main")
    app.push("main", version="moved", status=500)

    done = ended(app.deploykit("run", "--tag", "main"), 1)

    assert "[deploy] Saved current version for rollback: main" in done.stdout
    assert app.container().image_id == first.image_id
    assert app.serves("main")
    assert status(app)["current"]["id"] == "r1a"


def test_an_app_started_by_hand_is_adopted(app: App) -> None:
    """The first run saves the tag that ran, and `rollback` brings it back."""
    app.push("by-hand", local=True)
    app.up_by_hand("by-hand")
    app.push("new")

    done = ended(app.deploykit("run", "--tag", "new"), 0)

    assert "[deploy] Saved current version for rollback: by-hand" in done.stdout
    assert app.tag_file.read_text() == "by-hand\n"
    ended(app.deploykit("rollback"), 0)
    assert_all_agree(app, "by-hand")


def test_a_tag_written_by_hand_names_the_target_once(three_deep: App) -> None:
    """`.previous_image_tag` by hand goes two back; the next rollback is the journal's affair again."""
    three_deep.tag_file.write_text("a\n")

    ended(three_deep.deploykit("rollback"), 0)
    assert_all_agree(three_deep, "a")

    refused = ended(three_deep.deploykit("rollback"), 2)
    assert "no earlier good release" in refused.stderr


def test_without_the_tag_file_the_journal_answers(three_deep: App) -> None:
    """A lost `.previous_image_tag` costs nothing."""
    three_deep.tag_file.unlink()

    ended(three_deep.deploykit("rollback"), 0)

    assert_all_agree(three_deep, "b")


@pytest.mark.parametrize("how", ["hanging", "down"])
def test_without_its_registry(
    make_registry: Callable[[], OwnRegistry],
    make_images: Callable[[Registry], Images],
    make_app: MakeApp,
    kind: type[App],
    how: str,
) -> None:
    """A rollback needs no registry; a run of what is not at hand fails in time, untouched."""
    registry = make_registry()
    app = make_app(kind, make_images(registry))
    app.write_config(backend={"pull_timeout": 3})
    for tag in ("a", "b"):
        app.push(tag)
        ended(app.deploykit("run", "--tag", tag), 0)
    app.push("c")
    before = app.container()
    if how == "hanging":
        registry.pause()
    else:
        registry.stop()

    done = ended(app.deploykit("run", "--tag", "c", timeout=30), 1)

    assert "Pull failed" in done.stdout
    assert app.container() == before
    assert app.tag_file.read_text() == "a\n"
    ended(app.deploykit("rollback"), 0)
    assert_all_agree(app, "a")
