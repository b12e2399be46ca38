"""What an image's label marks as irreversible is not gone back across without a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.engine.support.told import assert_all_agree, ended, history

if TYPE_CHECKING:
    from tests.engine.support.project import ComposeApp


def test_a_rollback_across_it_must_be_forced(compose_app: ComposeApp) -> None:
    """Exit 2 with nothing touched; with `--force` it goes."""
    compose_app.push("old")
    compose_app.push("new", irreversible=True)
    for tag in ("old", "new"):
        ended(compose_app.deploykit("run", "--tag", tag), 0)
    before = compose_app.container()

    done = ended(compose_app.deploykit("rollback"), 2)

    assert "irreversible" in done.stderr
    assert compose_app.container() == before
    assert len(history(compose_app)) == 2
    ended(compose_app.deploykit("rollback", "--force"), 0)
    assert_all_agree(compose_app, "old")


def test_one_that_fails_in_place_is_left(compose_app: ComposeApp) -> None:
    """The old release is not brought back over what it changed: exit 3, look now."""
    compose_app.push("old")
    compose_app.push("bad", irreversible=True, status=500)
    ended(compose_app.deploykit("run", "--tag", "old"), 0)

    ended(compose_app.deploykit("run", "--tag", "bad"), 3)

    assert history(compose_app)[0]["outcome"] == "left_unhealthy"
    assert compose_app.version() == "bad"
