"""`prune` on a real engine: what is old goes, what anybody needs stays; and what a foreign prune took is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.engine.support.docker import docker
from tests.engine.support.images import image_id
from tests.engine.support.told import assert_all_agree, ended, status

if TYPE_CHECKING:
    from tests.engine.support.project import App


def test_old_images_go_and_needed_ones_stay(app: App) -> None:
    """Those that serve, are gone back to or protected, or that somebody else's container was made of."""
    pushed = {tag: app.push(tag) for tag in ("a", "b", "c", "d", "e")}
    for tag in pushed:
        ended(app.deploykit("run", "--tag", tag), 0)
    stranger = docker("create", "--name", f"{app.name}-stranger", "--network", "none", pushed["b"].image_id)
    ended(app.deploykit("protect", "c"), 0)

    done = ended(app.deploykit("prune", "--keep", "1"), 0)

    assert "[deploy] Removed: " in done.stdout
    assert {tag for tag, image in pushed.items() if image_id(image.image_id)} == {"b", "c", "d", "e"}
    docker("start", stranger)
    docker("rm", "-f", stranger)
    app.images.registry.forget(pushed["d"].repository, "d")
    ended(app.deploykit("rollback"), 0)
    assert_all_agree(app, "d")
    ended(app.deploykit("rollback", "c"), 0)
    assert_all_agree(app, "c")


def test_a_foreign_prune_is_told(app: App) -> None:
    """`docker image prune -a` takes what has no container; a rollback then pulls it by its digest."""
    old = app.push("old")
    app.push("new")
    for tag in ("old", "new"):
        ended(app.deploykit("run", "--tag", tag), 0)
    assert status(app)["previous"]["at_hand"] is True
    for one in app.containers():
        if one.state == "exited":  # what plain Docker keeps for the way back
            docker("rm", one.id)
    docker("rmi", "-f", old.image_id)  # as a prune of everything does, but of this one image alone
    assert status(app)["previous"]["at_hand"] is False
    ended(app.deploykit("rollback"), 0)
    assert_all_agree(app, "old")
