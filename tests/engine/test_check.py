"""The checklist on a real engine and a real registry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.engine.support.told import ended

if TYPE_CHECKING:
    from tests.engine.support.project import App


def test_the_checklist(app: App) -> None:
    """All is well for an image that was pushed; one that was not is told, and stops nothing else."""
    app.push("old")
    ended(app.deploykit("run", "--tag", "old"), 0)
    app.push("new")
    before = [one.id for one in app.containers()]

    said = json.loads(ended(app.deploykit("check", "--tag", "new", "--json"), 0).stdout)
    assert {one["standing"] for one in said["checks"]} == {"ok"}, said
    about = [one["about"] for one in said["checks"]]
    assert {"engine", "image", "disk", "serving", "files"} <= set(about)
    assert ("compose" in about) is (app.kind == "compose")

    assert "compressed" in next(one["text"] for one in said["checks"] if one["about"] == "image")
    remote = json.loads(ended(app.deploykit("images", "--remote", "--json"), 0).stdout)
    assert [(one["tag"], one["deployment"], one["at_hand"]) for one in remote["images"]] == [
        ("new", None, False),
        ("old", "r1", True),
    ]
    assert all(one["size"] > 0 and one["created_at"] and one["fits"] for one in remote["images"])

    done = ended(app.deploykit("check", "--tag", "nosuch"), 1)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("failed")]
    assert "the registry does not give" in line
    assert [one.id for one in app.containers()] == before
