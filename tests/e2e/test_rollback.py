"""`deploykit rollback` as a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.support import deploy_lines, in_order

if TYPE_CHECKING:
    from tests.e2e.support import ProcessApp

IMAGE = "example.org/shop/web"


def test_rollback_goes_back_one_by_one_until_there_is_none(app: ProcessApp) -> None:
    """After good deploys of a, b and c a rollback brings b, then a, then exits 2 and touches nothing."""
    app.deploy("a", "b", "c")
    assert app.deploykit("rollback").returncode == 0
    assert app.version() == "b"
    assert app.deploykit("rollback").returncode == 0
    assert app.version() == "a"
    before = app.json("status")["instances"]
    none = app.deploykit("rollback")
    assert none.returncode == 2
    assert "no earlier good release" in none.stderr
    assert app.json("status")["instances"] == before


def test_a_manual_rollback_prints_the_runbooks_lines(app: ProcessApp) -> None:
    """A manual rollback prints the runbook's lines, the check between, and ends with its last one."""
    app.deploy("a", "b")
    said = deploy_lines(app.deploykit("rollback", "shop.toml").stdout)
    wanted = [
        "ROLLBACK: Starting rollback to previous version...",
        f"Rolling back to: {IMAGE}:a",
        "Smoke check...",
        "Rollback completed successfully",
    ]
    assert in_order(wanted, said)
    assert said[-1] == wanted[-1]


def test_a_named_release_comes_back(app: ProcessApp) -> None:
    """`rollback TAG`, `rollback ID` and `--to` bring what they name."""
    app.deploy("a", "b", "c")
    for named, tag in ((["a"], "a"), (["shop.toml", "r3"], "c"), (["--to", "b"], "b")):
        assert app.deploykit("rollback", *named).returncode == 0
        assert app.version() == tag


def test_a_name_that_nobody_knows_exits_2(app: ProcessApp) -> None:
    """`rollback nosuch` exits 2, touches nothing, and names the command that would deploy it."""
    app.deploy("a")
    done = app.deploykit("rollback", "nosuch")
    assert done.returncode == 2
    assert "deploykit run --tag nosuch" in done.stderr
    assert len(app.json("history")) == 1


def test_rollback_never_goes_to_what_failed(app: ProcessApp) -> None:
    """After an automatic restore `rollback` goes to the good release before, not to the one that failed."""
    app.deploy("a", "b")
    app.release("c", exits=1)
    assert app.deploykit("run", "--tag", "c").returncode == 1
    assert app.deploykit("rollback").returncode == 0
    assert app.version() == "a"


def test_a_rollback_that_fails_restores_what_served(app: ProcessApp) -> None:
    """A rollback to a release that no longer turns healthy brings back what served, and exits 1."""
    app.release("bad", ok=False)
    app.deploy("a")
    assert app.deploykit("run", "--tag", "bad").returncode == 1
    done = app.deploykit("rollback", "bad")
    assert done.returncode == 1
    assert "Rollback completed successfully" not in done.stdout
    assert app.version() == "a"


def test_a_tag_written_by_hand_is_the_target_once(app: ProcessApp) -> None:
    """A tag that an operator wrote into .previous_image_tag is where the next rollback goes, and no later one."""
    app.deploy("a", "b", "c")
    app.tag_file.write_text("a\n")
    assert app.deploykit("rollback").returncode == 0
    assert app.version() == "a"
    assert app.deploykit("rollback").returncode == 2


def test_a_lost_tag_file_does_no_harm(app: ProcessApp) -> None:
    """Without .previous_image_tag the journal answers."""
    app.deploy("a", "b")
    app.tag_file.unlink()
    assert app.deploykit("rollback").returncode == 0
    assert app.version() == "a"
