"""`deploykit run` on a real engine: good releases go live, bad ones leave what served serving."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from scripts.commands import until
from tests.engine.support.docker import docker
from tests.engine.support.fixtures import KINDS
from tests.engine.support.swarm import ON_THREE_NODES, REPLICAS, SwarmApp, make_app
from tests.engine.support.told import assert_all_agree, assert_in_order, ended, history, status, unbroken

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engine.support.project import App

UNHEALTHY = {"ok": False, "checks": {"database": True, "frontend_assets": True}}
NO_DATABASE = {"ok": True, "checks": {"database": False, "frontend_assets": True}}
NO_ASSETS = {"ok": True, "checks": {"database": True, "frontend_assets": False}}


THE_PROBES_WORD = "what probes make of an answer has nothing to do with the backend"
NOT_ON_A_SWARM = {
    "test_a_replica_that_is_missing_comes_back": "the swarm starts another by itself",
    "test_a_network_that_was_removed_is_made_again": "the swarm lets nobody remove a network of its services",
    "test_a_crash_loop_is_dead": "the swarm starts all that ends again: every crash here is one in a loop",
    "test_tcp_and_command_probes_look_at_the_container": "a command probe is refused where there are several nodes",
    "test_an_unhealthy_release_is_restored_when_the_budget_is_used_up[html]": THE_PROBES_WORD,
    "test_an_unhealthy_release_is_restored_when_the_budget_is_used_up[no-database]": THE_PROBES_WORD,
    "test_a_warning_does_not_fail_a_deploy": THE_PROBES_WORD,
    "test_going_back_can_be_switched_off[config]": "whether a flag or a key says so has nothing to do with it either",
}
"""What of this list is not tried there, and why; conftest.py leaves it out."""


@pytest.fixture(params=[*KINDS, pytest.param("swarm", marks=ON_THREE_NODES)])
def kind(request: pytest.FixtureRequest) -> type[App]:
    """Every kind of app in turn; on a swarm, one with three replicas on three nodes."""
    kinds: dict[str, type[App]] = {**KINDS, "swarm": SwarmApp}
    return kinds[request.param]


@pytest.fixture
def app(request: pytest.FixtureRequest, kind: type[App], tmp_path: Path) -> Iterator[App]:
    if kind is SwarmApp:
        app = make_app(request.getfixturevalue("three_nodes"), tmp_path, REPLICAS)
        yield app
        app.remove()
    else:
        yield request.getfixturevalue("make_app")(kind)


@pytest.fixture
def serving(request: pytest.FixtureRequest, kind: type[App]) -> App:
    """An app of which deploykit has deployed `old`."""
    if kind is SwarmApp:
        on_swarm: App = request.getfixturevalue("stand").app()
        return on_swarm
    app: App = request.getfixturevalue("app")
    app.push("old")
    ended(app.deploykit("run", "--tag", "old"), 0)
    return app


def test_a_good_release_goes_live(serving: App) -> None:
    """A good deploy exits 0, notes the old tag, and is named by status, by its digest, and by Docker's tools."""
    image = serving.push("new")

    with serving.client() as client:
        done = ended(serving.deploykit("run", "--tag", "new"), 0)

    assert client.outage().longest <= serving.outage
    assert_in_order(
        done.stdout,
        [
            f"[deploy] Using image: {image.reference}",
            "[deploy] Saved current version for rollback: old",
            "[deploy] Starting containers...",
            "[deploy] Smoke check...",
            "[deploy] Deploy completed successfully",
        ],
    )
    assert done.stdout.splitlines()[-1] == "[deploy] Deploy completed successfully"
    assert serving.tag_file.read_text() == "old\n"
    current = status(serving)["current"]
    assert (current["tag"], current["digest"], current["image_id"]) == ("new", image.digest, image.image_id)
    assert serving.shown_image() == image.reference
    assert_all_agree(serving, "new")


def test_the_same_release_again_moves_no_container(serving: App) -> None:
    """A release that serves already, and is healthy, is left alone: unchanged, 0, the tag file as it was."""
    before = serving.container()

    done = ended(serving.deploykit("run", "--tag", "old", "--json"), 0)

    assert json.loads(done.stdout.splitlines()[-1])["outcome"] == "unchanged"
    assert serving.container() == before
    ended(serving.deploykit("run", "--tag", "old", "--force"), 0)
    assert serving.container().id != before.id


def test_a_replica_that_is_missing_comes_back(serving: App) -> None:
    """What serves with a container too few is not unchanged: it is deployed anew, with all of them."""
    serving.is_made_with(ports=["8000"], replicas=2)
    serving.write_config(probes=[{"type": "http", "port": 8000, "path": "/api/health/"}])
    serving.push("new")
    ended(serving.deploykit("run", "--tag", "new"), 0)
    containers = [each.id for each in serving.containers() if each.running]
    assert len(containers) == 2
    docker("rm", "-f", containers[0])

    done = ended(serving.deploykit("run", "--tag", "new", "--json"), 0)

    assert json.loads(done.stdout.splitlines()[-1])["outcome"] == "deployed"
    assert len([each for each in serving.containers() if each.running]) == 2


def test_a_release_that_exits_at_start_is_restored(serving: App) -> None:
    """A crash at start is told with its code, what served comes back, exit 1, and the site is hardly down."""
    serving.push("bad", exit_after=0, exit_code=3)

    with serving.client() as client:
        done = ended(serving.deploykit("run", "--tag", "bad"), 1)
        assert serving.serves("old")

    error = next(line for line in done.stdout.splitlines() if "ERROR" in line)
    assert error.startswith(serving.death(3, after="0"))
    assert_in_order(
        done.stdout,
        [
            error,
            "[deploy] Auto-rollback triggered due to health check failure",
            "[deploy] ROLLBACK: Starting rollback to previous version...",
            f"[deploy] Rolling back to: {serving.images.repository}:old",
            "[deploy] Rollback completed successfully",
        ],
    )
    assert client.outage().longest <= serving.outage
    assert "ImportError: courts" in done.stdout
    assert_all_agree(serving, "old")
    page = done.stdout.partition("Rollback completed successfully\n")[2].replace("[deploy] ", "")
    for told in (
        r"serves now old \(r1\), again since 20\d\d-",
        r"failed     in (starting|checking): " + broken_anywhere(error.removeprefix("[deploy] ERROR: ")),
        r"down       (nothing healthy served for [\d.]+ s|for how long nothing healthy served is not known)\n",
        r"instance   \S+: (exited|restarting), exit code 3, \d restarts?\n",
        r"before     old \(r1\) passed the same probes when this began\n",
        r"changed    image: bad, was old\n",
        r"log        \| .*ImportError: courts",
    ):
        assert re.search(told, page), f"{told}\n{page}"
    shown = page.replace("           deploykit history r2     this page again\n", "")
    assert ended(serving.deploykit("history", "r2"), 0).stdout.endswith(f"\n\n{shown}")
    assert max(map(len, done.stdout.partition("successfully\n")[2].splitlines())) <= 80


def broken_anywhere(words: str) -> str:
    """A pattern for words that may be on several lines."""
    return r"\s+".join(map(re.escape, words.split()))


def test_the_failure_is_told_in_json(serving: App) -> None:
    """With --json every line is an object, and the last one tells outcome, state, exit code and the cause.

    The budget is not waited for: a crash is told with the moment of the exit, not of a later look.
    """
    serving.push("bad", exit_after=0, exit_code=3)

    done = ended(serving.deploykit("run", "--tag", "bad", "--json"), 1)

    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[-1]["event"] == "deployment.finished"
    assert (events[-1]["outcome"], events[-1]["state"], events[-1]["exit_code"]) == ("rolled_back", "rolled_back", 1)
    assert events[-1]["failure"]["exit_code"] == 3
    whole = json.loads(ended(serving.deploykit("history", "r2", "--json"), 0).stdout)
    assert whole["report"] == events[-1]["report"]
    newest = history(serving)[0]
    assert (newest["kind"], newest["tag"], newest["state"], newest["outcome"]) == (
        "deploy",
        "bad",
        "rolled_back",
        "rolled_back",
    )
    took = datetime.fromisoformat(newest["finished_at"]) - datetime.fromisoformat(newest["started_at"])
    assert took.total_seconds() < 8 * 0.5 * 10  # far below what the budget of a script would take


def test_a_network_that_was_removed_is_made_again(serving: App) -> None:
    """Somebody tidied up while the app ran: the next deploy goes live all the same."""
    serving.push("new")
    only = serving.container()
    for network in networks_of(only.id):
        docker("network", "disconnect", "--force", network, only.id)
        docker("network", "rm", network)

    ended(serving.deploykit("run", "--tag", "new"), 0)

    assert serving.serves("new")
    ended(serving.deploykit("rollback"), 0)
    assert_all_agree(serving, "old")


def networks_of(container: str) -> list[str]:
    shown = docker(
        "inspect", "--format", "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}", container
    )
    return shown.split()


@pytest.mark.parametrize("policy", ["unless-stopped", "always", "on-failure"])
def test_a_crash_loop_is_dead(serving: App, policy: str) -> None:
    """Docker starting a container again and again does not hide that it crashes."""
    serving.is_made_with(restart=policy)
    serving.push("bad", exit_after=0, exit_code=7)

    done = ended(serving.deploykit("run", "--tag", "bad"), 1)

    assert "[deploy] ERROR: Container exited with code 7 after" in done.stdout
    assert_all_agree(serving, "old")


def test_a_release_that_dies_while_it_must_stay_healthy_is_dead(serving: App) -> None:
    """With stable_for = 3 a container that dies 2 s after its start is told dead, though it was healthy."""
    serving.write_config(health={"stable_for": 3})
    serving.push("bad", exit_after=2, exit_code=4)

    with serving.client() as client:
        done = ended(serving.deploykit("run", "--tag", "bad"), 1)
        assert serving.serves("old")

    assert serving.death(4, after="2") in done.stdout
    assert client.outage().longest <= serving.outage
    assert_all_agree(serving, "old")


def test_an_oom_kill_is_dead(serving: App) -> None:
    """A container that is killed for its memory is told so, with code 137."""
    serving.write_config(health={"stable_for": 3})
    serving.is_made_with(mem_limit="16m")
    serving.push("bad", exit_after=1, eat_memory=64)  # at once, engine 20.10 misses one in twelve

    done = ended(serving.deploykit("run", "--tag", "bad"), 1)

    error = next(line for line in done.stdout.splitlines() if "ERROR" in line)
    assert "exited with code 137" in error
    assert "memory" in error
    assert_all_agree(serving, "old")


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        pytest.param({"status": 500}, "answered 500", id="500"),
        pytest.param({"body": "<!doctype html>", "content_type": "text/html"}, "not JSON", id="html"),
        pytest.param({"body": UNHEALTHY}, "ok is false", id="not-ok"),
        pytest.param({"body": NO_DATABASE}, "checks.database is false", id="no-database"),
    ],
)
def test_an_unhealthy_release_is_restored_when_the_budget_is_used_up(
    serving: App, behaviour: dict[str, object], told: str
) -> None:
    """The runbook's nine lines, word for word and in order; and what the app answered."""
    bad = serving.push("bad", **behaviour)  # type: ignore[arg-type]  # each case has keys of Behaviour

    with serving.client("/api/health/") as client:
        done = ended(serving.deploykit("run", "--tag", "bad"), 1)
        assert serving.serves("old")

    assert client.outage().longest <= serving.outage
    assert_in_order(
        done.stdout,
        [
            f"[deploy] Using image: {bad.reference}",
            "[deploy] Saved current version for rollback: old",
            "[deploy] Starting containers...",
            "[deploy] Smoke check...",
            "[deploy] ERROR: Health check failed after 4s",
            "[deploy] Auto-rollback triggered due to health check failure",
            "[deploy] ROLLBACK: Starting rollback to previous version...",
            f"[deploy] Rolling back to: {serving.images.repository}:old",
            "[deploy] Rollback completed successfully",
        ],
    )
    assert told in unbroken(done.stdout)
    assert_all_agree(serving, "old")


def test_a_warning_does_not_fail_a_deploy(serving: App) -> None:
    """`checks.frontend_assets` false is one warning line, and the release is healthy."""
    serving.push("new", body=NO_ASSETS)

    done = ended(serving.deploykit("run", "--tag", "new"), 0)

    warnings = [line for line in done.stdout.splitlines() if "WARNING" in line]
    assert len(warnings) == 1
    assert "checks.frontend_assets" in warnings[0]


def test_a_first_deploy_that_fails_has_nothing_to_go_back_to(app: App) -> None:
    """Exit 4, and it says so; there is no tag file."""
    app.push("bad", exit_after=0, exit_code=3)

    done = ended(app.deploykit("run", "--tag", "bad"), 4)

    assert "nothing to go back to" in unbroken(done.stdout)
    assert not app.tag_file.exists()


@pytest.mark.parametrize("how", ["flag", "config"])
def test_going_back_can_be_switched_off(serving: App, how: str) -> None:
    """auto = false and --no-rollback: exit 3, the new release left as it is; `rollback` then brings the old one."""
    serving.push("bad", status=500)
    if how == "config":
        serving.write_config(rollback={"auto": False})

    flags = ["--no-rollback"] if how == "flag" else []
    ended(serving.deploykit("run", "--tag", "bad", *flags), 3)

    assert "bad" in serving.versions()
    ended(serving.deploykit("rollback"), 0)
    assert_all_agree(serving, "old")


def test_a_container_probe_needs_a_healthcheck(serving: App) -> None:
    """Where image and config come to none it is exit 2, nothing is touched, and no row is left."""
    serving.write_config(probes=[{"type": "container"}])
    serving.push("plain")
    serving.push("checked", healthcheck=True)
    rows = len(history(serving))
    before = serving.container()

    done = ended(serving.deploykit("run", "--tag", "plain"), 2)

    assert "HEALTHCHECK" in done.stderr
    serving.is_made_with(healthcheck={"disable": True})
    ended(serving.deploykit("run", "--tag", "checked"), 2)
    serving.is_made_with()
    assert serving.container() == before
    assert len(history(serving)) == rows
    ended(serving.deploykit("run", "--tag", "checked"), 0)
    assert_all_agree(serving, "checked")


def test_tcp_and_command_probes_look_at_the_container(serving: App) -> None:
    """A tcp probe asks the container's own address, a command probe runs inside it."""
    probes: list[dict[str, object]] = [
        {"type": "tcp", "port": 8000},
        {"type": "command", "argv": ["/bin/busybox", "test", "-e", "/bin/busybox"]},
        {"type": "http", "port": 8000, "path": "/api/health/"},
    ]
    serving.write_config(probes=probes)
    serving.push("slow", start_delay=1)
    ended(serving.deploykit("run", "--tag", "slow"), 0)

    probes[1]["argv"] = ["/bin/busybox", "false"]
    serving.write_config(probes=probes)
    serving.push("next")
    done = ended(serving.deploykit("run", "--tag", "next"), 3)  # the old one fails that probe as well
    assert "exited with 1" in unbroken(done.stdout), done.stdout
    assert until(lambda: serving.version() == "slow", within=10, every=0.1)
