"""`deploykit run` as a process, on real processes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.e2e.support import deploy_lines, in_order

if TYPE_CHECKING:
    from tests.e2e.support import ProcessApp

IMAGE = "example.org/shop/web"


def test_a_good_deploy_ends_with_the_runbooks_line(app: ProcessApp) -> None:
    """A good deploy exits 0, serves, and its last line is the runbook's."""
    app.release("a")
    done = app.deploykit("run", "shop.toml", "--tag", "a")
    said = deploy_lines(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert in_order([f"Using image: {IMAGE}:a", "Starting containers...", "Smoke check..."], said)
    assert said[-1] == "Deploy completed successfully"
    assert app.version() == "a"


def test_the_second_deploy_saves_the_first(app: ProcessApp) -> None:
    """A good deploy over another names it as saved, and leaves its tag in .previous_image_tag."""
    app.deploy("a")
    app.release("b")
    done = app.deploykit("deploy", "shop.toml", "--tag", "b")
    assert "Saved current version for rollback: a" in deploy_lines(done.stdout)
    assert app.tag_file.read_text() == "a\n"


def test_never_healthy_prints_the_nine_lines_of_the_runbook(app: ProcessApp) -> None:
    """A release that never turns healthy is rolled back with the runbook's nine lines, in order, word for word."""
    app.deploy("a")
    app.release("b", ok=False)
    done = app.deploykit("run", "--tag", "b")
    said = deploy_lines(done.stdout)
    nine = [
        f"Using image: {IMAGE}:b",
        "Saved current version for rollback: a",
        "Starting containers...",
        "Smoke check...",
        "ERROR: Health check failed after 2s",
        "Auto-rollback triggered due to health check failure",
        "ROLLBACK: Starting rollback to previous version...",
        f"Rolling back to: {IMAGE}:a",
        "Rollback completed successfully",
    ]
    assert done.returncode == 1
    assert in_order(nine, said)
    assert any("checks.database is false, not true" in line for line in said)
    assert app.version() == "a"


def test_a_crash_names_the_code_and_shows_the_log(app: ProcessApp) -> None:
    """A release that exits at start is told with its exit code and its last words, and what served comes back."""
    app.deploy("a")
    app.release("b", exits=3)
    done = app.deploykit("run", "--tag", "b")
    said = deploy_lines(done.stdout)
    assert done.returncode == 1
    assert any(re.fullmatch(r"ERROR: \w+ exited with code 3 after \d+\.\ds", line) for line in said)
    assert any("ImportError: no module named courts" in line for line in said)
    assert app.version() == "a"


def test_a_first_deploy_that_fails_exits_4(app: ProcessApp) -> None:
    """A first deploy that fails exits 4, and says that there was nothing to go back to."""
    app.release("a", exits=3)
    done = app.deploykit("run", "--tag", "a")
    assert done.returncode == 4
    assert "there was nothing to go back to" in done.stdout


def test_no_rollback_leaves_the_failed_release(app: ProcessApp) -> None:
    """With --no-rollback a failed release stays as it is, exit 3, and the next command to type is said."""
    app.deploy("a")
    app.release("b", ok=False)
    done = app.deploykit("run", "--tag", "b", "--no-rollback")
    assert done.returncode == 3
    assert "deploykit rollback       brings back a (r1)" in done.stdout
    assert app.version() == "b"


def test_auto_false_in_the_config_does_the_same(app: ProcessApp) -> None:
    """With `auto = false` a failed release stays as it is, exit 3."""
    app.deploy("a")
    app.configure(auto=False)
    app.release("b", ok=False)
    assert app.deploykit("run", "--tag", "b").returncode == 3
    assert app.version() == "b"


def test_what_serves_already_is_unchanged(app: ProcessApp) -> None:
    """A release that serves already is told unchanged, and no process is started anew."""
    app.deploy("a")
    before = app.json("status")["instances"]
    done = app.deploykit("run", "--tag", "a")
    assert done.returncode == 0
    assert "nothing was changed" in done.stdout
    assert app.json("status")["instances"] == before


def test_a_warning_is_one_line_and_fails_nothing(app: ProcessApp) -> None:
    """What `warn` does not find is one warning line of a good deploy."""
    app.release("a", assets=False)
    done = app.deploykit("run", "--tag", "a")
    warnings = [line for line in deploy_lines(done.stdout) if line.startswith("WARNING: ")]
    assert done.returncode == 0
    assert warnings == ["WARNING: checks.assets is false, not true"]


def test_a_pull_that_fails_touches_nothing(app: ProcessApp) -> None:
    """A release that does not come exits 1, says what still serves, and no process was touched."""
    app.deploy("a")
    before = app.json("status")["instances"]
    done = app.deploykit("run", "--tag", "nosuch")
    assert done.returncode == 1
    assert "[deploy] r2: example.org/shop/web:nosuch failed, and nothing was replaced; exit" in done.stdout
    assert "[deploy] serves now a (r1), since " in done.stdout
    assert app.json("status")["instances"] == before


def test_the_tag_of_the_config_is_read_when_none_is_given(app: ProcessApp) -> None:
    """`[app] tag` is filled in from the environment by `run` without --tag, and by no other verb."""
    app.configure(app='tag = "${SHOP_TAG:?pass --tag}"')
    app.release("a")
    assert app.deploykit("status").returncode == 1
    refused = app.deploykit("run")
    assert refused.returncode == 2
    assert "app.tag: SHOP_TAG is not set: pass --tag" in refused.stderr
    assert app.deploykit("run", SHOP_TAG="a").returncode == 0


def test_no_secret_is_shown_anywhere(app: ProcessApp) -> None:
    """A password of the environment is in no output of a failed deploy, its history and its config."""
    app.deploy("a")
    app.release("b", exits=3)
    shown = app.deploykit("run", "--tag", "b").stdout + app.deploykit("run", "--tag", "b", "--json").stdout
    shown += app.deploykit("history", "--json").stdout + app.deploykit("config").stdout
    assert "hunter2" not in shown
