"""What is wrong is said in one readable message, with the exit code for it, and nothing is touched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.engine.support.told import ended, history

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.engine.support.project import ComposeApp


@pytest.fixture
def serving(compose_app: ComposeApp) -> ComposeApp:
    """An app of which deploykit has deployed `old`."""
    compose_app.push("old")
    ended(compose_app.deploykit("run", "--tag", "old"), 0)
    return compose_app


WRONG: dict[str, tuple[Callable[[ComposeApp], object], list[str]]] = {
    "unknown key": (lambda app: app.write_config(backend={"servces": ["web"]}), ["sandmatch.toml", "servces"]),
    "wrong type": (lambda app: app.write_config(health={"attempts": "many"}), ["sandmatch.toml", "health.attempts"]),
    "missing file": (lambda app: app.compose_file.unlink(), ["docker-compose.prod.yml"]),
    "missing service": (lambda app: app.write_config(backend={"services": ["wev"]}), ["services", "wev", "web"]),
    "missing variable": (
        lambda app: app.write_compose(web='environment: ["A=${NOT_SET_ANYWHERE:?it is needed}"]'),
        ["docker-compose.prod.yml", "NOT_SET_ANYWHERE"],
    ),
    "broken compose file": (lambda app: app.compose_file.write_text("services: [\n"), ["docker-compose.prod.yml"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_is_named(serving: ComposeApp, case: str) -> None:
    """File and key are named, exit 2, no traceback, no row, and no container was touched."""
    before, rows = serving.container(), len(history(serving))
    serving.push("new")
    change, named = WRONG[case]
    change(serving)

    done = ended(serving.deploykit("run", "--tag", "new"), 2)

    for name in named:
        assert name in done.stderr
    assert serving.container() == before
    serving.write_compose()
    serving.write_config()
    assert len(history(serving)) == rows


@pytest.mark.parametrize("tag", ["a b", "$(reboot)", "-rm", "../../etc", "a;b", "a\nb", "", "x" * 129, "'"])
def test_a_hostile_tag_is_refused(serving: ComposeApp, tag: str) -> None:
    """A tag that is none never reaches the engine: exit 2."""
    before = serving.container()

    done = serving.deploykit("run", f"--tag={tag}", "--json")

    assert done.returncode == 2
    assert json.loads(done.stdout)["event"] == "deployment.refused"
    assert serving.container() == before


def test_no_engine_is_5(serving: ComposeApp) -> None:
    """Without an engine: exit 5, one message, and what serves goes on."""
    before = serving.container()
    for verb in (["run", "--tag", "old"], ["rollback"], ["status"], ["recover"]):
        done = ended(serving.deploykit(*verb, env={"DOCKER_HOST": "unix:///nowhere/docker.sock"}), 5)
        assert "cannot be reached" in done.stderr
    assert serving.container() == before


def test_a_tag_that_no_registry_has(serving: ComposeApp) -> None:
    """A failed pull is exit 1, untouched: the old release serves, and the tag file is as it was."""
    before = serving.container()

    done = ended(serving.deploykit("run", "--tag", "nosuch"), 1)

    assert "Pull failed" in done.stdout
    assert serving.container() == before
    assert history(serving)[0]["outcome"] == "untouched"
    assert not serving.tag_file.exists()
