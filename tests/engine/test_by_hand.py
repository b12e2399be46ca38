"""Getting at what runs by hand: `exec`, `shell`, `compose`, `logs`, `ps`, `diff`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.engine.support.told import assert_all_agree, ended

if TYPE_CHECKING:
    from tests.engine.support.project import App

SH = ("/bin/busybox", "sh", "-c")
SECRET = "canary-of-the-environment"


def test_getting_at_what_runs(app: App) -> None:
    """Output and exit code are the command's own, the environment is the app's; what serves is not touched."""
    app.is_made_with(environment={"GREETING": "hello", "APP_TOKEN": SECRET})
    for tag in ("old", "new"):
        app.push(tag)
        ended(app.deploykit("run", "--tag", tag), 0)
    before = [one.id for one in app.containers()]

    inside(app)
    one_off(app)
    compose(app)
    looking(app)

    assert [one.id for one in app.containers()] == before
    assert_all_agree(app, "new")


def inside(app: App) -> None:
    """A container that lives."""
    done = ended(app.deploykit("exec", app.service, "--", *SH, 'echo "$VERSION $GREETING"; exit 7'), 7)
    assert done.stdout == "new hello\n"
    assert "nosuch" in ended(app.deploykit("exec", "nosuch", "--", "true"), 2).stderr


def one_off(app: App) -> None:
    """A container of its own, of any release."""
    done = ended(app.deploykit("shell", "r1", "--", *SH, 'echo "$VERSION $GREETING $APP_TOKEN"; exit 3'), 3)
    assert done.stdout == f"old hello {SECRET}\n"
    assert ended(app.deploykit("shell", "--", *SH, 'echo "$VERSION"'), 0).stdout == "new\n"


def compose(app: App) -> None:
    """`up -d` by hand keeps the pin. Plain Docker has no Compose, and says so."""
    if app.kind == "compose":
        ended(app.deploykit("compose", "--", "up", "-d"), 0)
    else:
        assert "not run by Compose" in ended(app.deploykit("compose", "--", "ps"), 2).stderr


def looking(app: App) -> None:
    """The log, the instances, and what two releases differ in."""
    done = ended(app.deploykit("logs", "--tail", "50"), 0)
    assert "version new started" in done.stdout + done.stderr
    assert "running" in [one["status"] for one in json.loads(app.deploykit("ps", "--json").stdout)]
    told = ended(app.deploykit("diff", "r1", "r2"), 0).stdout
    assert [line[:4] for line in told.splitlines() if line.endswith((":old", ":new"))] == ["  - ", "  + "]
    assert SECRET not in told
    images = json.loads(app.deploykit("images", "--json").stdout)
    assert [(one["tag"], one["deployment"]) for one in images] == [("new", "r2"), ("old", "r1")]
    assert all(one["size"] > 2**20 and one["created_at"] for one in images)


def test_the_log_of_what_failed_is_kept(app: App) -> None:
    """Its container is gone."""
    app.push("bad", exit_after=0, exit_code=5)
    ended(app.deploykit("run", "--tag", "bad"), 4)
    assert "ImportError: courts" in ended(app.deploykit("logs", "--of", "r1"), 0).stdout
