"""The verbs that look: what people and programs get to see, and the exit codes."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

import deploykit
from deploykit.cli import main
from deploykit.cli.status import instance_document
from deploykit.errors import ConfigError
from deploykit.protocols import Holder
from deploykit.release import Instance
from deploykit.testing import FakeProbe
from tests.unit.cli.conftest import Cli

# Status.


def test_status_of_an_app_that_runs(cli: Cli) -> None:
    """What runs, what `rollback` would bring, and every instance; exit 0."""
    cli.world.good("one", "two")
    assert cli("status") == 0
    current = cli.world.backend.living()[0].image.digest or ""
    assert cli.lines[:2] == [
        "web: the last deployment is healthy (deployed)",
        f"  current    example.com/team/web:two  r2  {current[:19]}",
    ]
    assert cli.lines[2].startswith("  previous   example.com/team/web:one  r1  sha256:")
    assert cli.lines[3:] == ["  instance   web  fake-web-2  running, since 2023-11-14T23:13:20.000Z"]


def test_status_says_how_the_last_deployment_ended_once(cli: Cli) -> None:
    """Its outcome stands beside its state where that says more."""
    cli.world.good("one")
    cli.world.backend.release("two").crashes()
    cli.world.deploy("two")
    cli("status")
    assert cli.lines[0] == "web: the last deployment is rolled_back"


def test_status_says_why_the_tag_file_stops_a_rollback(cli: Cli) -> None:
    """Else it would be `previous nothing`, as if there were no release to go back to."""
    cli.world.good("one", "two")
    cli.world.state.tag_text.text = "no tag!"
    cli("status")
    assert cli.lines[2] == "  previous   nothing"
    assert "holds no tag: not an image tag: 'no tag!': write one tag into it, or delete it" in cli.lines[3]
    assert cli("rollback") == 2


def test_status_of_an_app_that_was_never_deployed(cli: Cli) -> None:
    """Exit 1: nothing serves. One that was started by hand is shown as that."""
    assert cli("status") == 1
    assert cli.lines == ["web: never deployed", "  current    nothing", "  previous   nothing"]
    cli.world.backend.serving("zero")
    assert cli("status") == 0
    assert "example.com/team/web:zero  not in the history  sha256:" in cli.out


def test_status_of_a_deployment_that_was_left_half_way(cli: Cli) -> None:
    """It says what finishes it; exit 1."""
    cli.world.good("one")
    cli.world.killed_in("checking", lambda: cli.world.deploy("two"))
    assert cli("status") == 1
    assert cli.lines[0] == "web: the last deployment is checking"
    assert cli.lines[2].startswith("  candidate  example.com/team/web:two  r2  ")
    assert cli.lines[-1] == (
        "  look now   the last deployment was left half-way: `deploykit recover web.toml` finishes it"
    )


def test_status_while_a_deployment_runs(cli: Cli) -> None:
    """Who holds the lock, since when, for what; then nobody needs to look now."""
    cli.world.good("one")
    cli.world.killed_in("checking", lambda: cli.world.deploy("two"))
    cli.world.state.lock.held_by = Holder(4711, "eve@ci", 1_700_000_000.0, "deploy web:two\x1b[2J")
    assert cli("status") == 0
    assert cli.lines[-1] == ("  lock       pid 4711, eve@ci, since 2023-11-14T22:13:20.000Z (deploy web:two\\x1b[2J)")


def test_status_as_json_has_every_key_of_the_contract(cli: Cli) -> None:
    """With nulls where there is nothing."""
    keys = {
        "app",
        "state",
        "outcome",
        "current",
        "candidate",
        "previous",
        "instances",
        "lock",
        "hold",
        "protected",
        "drift",
        "target",
    }
    said = cli.json("status")
    assert set(said) == keys
    assert [key for key in keys if said[key] is not None] != []
    assert (said["app"], said["state"], said["current"], said["instances"], said["lock"]) == (
        "web",
        None,
        None,
        [],
        None,
    )
    cli.world.good("one", "two")
    cli.world.state.lock.held_by = Holder(4711, "eve@ci", 1_700_000_000.0, "deploy")
    said = cli.json("status")
    assert (said["state"], said["outcome"]) == ("healthy", "deployed")
    assert (said["current"]["id"], said["current"]["tag"], said["previous"]["id"]) == ("r2", "two", "r1")
    assert set(said["current"]) == {"id", "image", "tag", "digest", "image_id"}
    (one,) = said["instances"]
    assert set(one) == {"id", "service", "status", "health", "exit_code", "restarts", "started_at"}
    spread = instance_document(Instance("i", "web", "created", node="web-2", error="no suitable node"))
    assert (spread["node"], spread["error"]) == ("web-2", "no suitable node")
    since = "2023-11-14T22:13:20.000Z"
    assert said["lock"] == {"pid": 4711, "by": "eve@ci", "since": since, "doing": "deploy"}


def test_status_with_the_engine_away(cli: Cli) -> None:
    """Exit 5."""
    cli.world.backend.goes_away()
    assert cli("status") == 5


# History.


def test_history_is_a_table_newest_first(cli: Cli) -> None:
    """Whatever people wrote into a message stays in its cell."""
    cli.world.good("one")
    cli.world.backend.release("two").crashes()
    cli.world.deploy("two", message="Court\nbooking\x1b[2J")
    assert cli("history") == 0
    assert [line.split() for line in cli.lines] == [
        ["ID", "KIND", "TAG", "ENDED", "NOW", "STARTED", "BY", "MESSAGE"],
        ["r2", "deploy", "two", "rolled_back", "2023-11-14", "23:13Z", "alice", "Court", "booking\\x1b[2J"],
        ["r1", "deploy", "one", "deployed", "current", "2023-11-14", "22:13Z", "alice"],
    ]
    assert cli.lines[1].index("deploy") == cli.lines[0].index("KIND")


def test_history_of_nothing(cli: Cli) -> None:
    """Exit 0."""
    assert cli("history") == 0
    assert cli.out == "nothing was deployed yet\n"
    assert cli.json("history") == []


def test_history_shows_what_has_not_ended(cli: Cli) -> None:
    """By the state that it was left in."""
    cli.world.killed_in("checking", lambda: cli.world.deploy("one"))
    assert cli("history") == 0
    assert cli.lines[1].split()[3:5] == ["in", "checking"]


def test_history_as_json_has_every_key_of_the_contract(cli: Cli) -> None:
    """An array, newest first."""
    cli.world.good("one", "two")
    said = cli.json("history")
    assert [one["id"] for one in said] == ["r2", "r1"]
    assert said[1] == {
        "id": "r1",
        "release": "r1",
        "kind": "deploy",
        "image": "example.com/team/web:one",
        "tag": "one",
        "digest": said[1]["digest"],
        "state": "healthy",
        "outcome": "deployed",
        "started_at": "2023-11-14T22:13:20.000Z",
        "finished_at": said[1]["finished_at"],
        "message": "",
        "by": "alice",
        "protected": False,
    }
    assert said[1]["digest"].startswith("sha256:")


def test_history_of_one_is_its_whole_story(cli: Cli) -> None:
    """With what served before, what it went back to, why, and the last lines."""
    cli.world.good("one")
    cli.world.backend.release("two").crashes(log="ImportError: \x1b[31mcourts")
    cli.world.deploy("two")
    assert cli("history", "r2") == 0
    assert "before       example.com/team/web:one (r1)" in cli.lines
    assert "failed     in checking: Container exited with code 1 after 0.1s" in cli.lines
    assert "log        | ImportError: \\x1b[31mcourts" in cli.lines
    moved = [line.split()[-1] for line in cli.lines if line.startswith("moved")]
    assert moved == ["saved", "pulling", "starting", "checking", "rolling_back", "rolled_back"]
    said = cli.json("history", "r2")
    assert (said["id"], said["before"]["id"], said["restore"]["id"]) == ("r2", "r1", "r1")
    assert (said["failure"]["state"], said["failure"]["exit_code"]) == ("checking", 1)
    assert said["restore_failure"] is None
    assert [move["target"] for move in said["transitions"]] == moved


def test_history_of_one_that_failed_ends_with_the_page_of_its_end(cli: Cli) -> None:
    """The same text as at the end of the run, but for how to see it, and the same JSON, whatever came after it."""
    cli.world.good("one")
    cli.world.backend.release("two").crashes(log="ImportError: courts")
    assert cli("run", "--tag", "two") == 1
    told = [line.removeprefix("[deploy] ") for line in cli.lines]
    (*page, again) = told[told.index("Rollback completed successfully") + 1 :]
    assert again.split()[:4] == ["deploykit", "history", "web.toml", "r2"]
    cli.world.backend.push("two").crashes(log="ImportError: courts")
    (*_, ended) = cli.run_json("run", "--tag", "two")
    cli.world.good("three", "four")
    assert cli("history", "r2") == 0
    assert cli.lines[cli.lines.index("") + 1 :] == page
    assert cli.json("history", "r3")["report"] == ended["report"]
    assert cli.json("history", "r4")["report"] is None


def test_history_of_one_that_is_not_there(cli: Cli) -> None:
    """Exit 2; a bare number is no id."""
    cli.world.good("one")
    for wanted in ("r9", "1", "one"):
        assert cli("history", wanted) == 2
        assert f"there is no deployment '{wanted}'" in cli.err


# Health.


def test_health_tells_each_probe_s_answer(cli: Cli) -> None:
    """Exit 0 when all are healthy, else 1."""
    cli.world.backend.services = ("web", "worker")
    cli.world.probes = [FakeProbe(cli.world.backend, "web"), FakeProbe(cli.world.backend, "worker")]
    cli.world.backend.release("one").warns("slow").turns_unhealthy(after=100)
    cli.world.deploy("one")
    assert cli("health") == 0
    assert cli.lines[:2] == ["fake web: healthy", "fake web: WARNING: slow"]
    cli.world.clock.advance(200)
    assert cli("health") == 1
    assert cli.lines == ["fake web: unhealthy: answers 500", "fake worker: unhealthy: answers 500"]
    said = cli.json("health")
    assert (said["app"], said["healthy"]) == ("web", False)
    assert said["probes"][0] == {"probe": "fake web", "healthy": False, "reason": "answers 500", "warnings": []}


# Config.


EXAMPLE = Path(__file__).parents[3] / "examples" / "sandmatch" / "sandmatch.toml"


def test_config_shows_toml_that_means_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """It can be read again, and says what --json says."""
    assert main(["config", str(EXAMPLE)]) == 0
    shown: dict[str, Any] = tomllib.loads(capsys.readouterr().out)
    assert shown == deploykit.load(EXAMPLE).config
    assert shown["health"]["probe"][0]["require"] == {"ok": True, "checks.database": True}


def test_config_tells_where_each_value_comes_from(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line of the file, the variable, `--tag`, or the default; in comments, and in JSON."""
    monkeypatch.setenv("WEB_IMAGE", "registry.test/web")
    monkeypatch.delenv("WEB_IMAGE_TAG", raising=False)
    assert main(["config", str(EXAMPLE)]) == 0
    told = dict(line.split("  # ") for line in capsys.readouterr().out.splitlines() if "  # " in line)
    told = {text.rstrip(): origin for text, origin in told.items()}
    assert told['image = "registry.test/web"'] == "sandmatch.toml:3, $WEB_IMAGE"
    assert told['tag = "${WEB_IMAGE_TAG:?pass --tag}"'] == "sandmatch.toml:4, $WEB_IMAGE_TAG is not set"
    assert told["release_timeout = 600.0"] == "default"
    assert told['type = "http"'] == "sandmatch.toml:26"
    assert main(["config", str(EXAMPLE), "--tag", "main-abc123", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["app"]["tag"] == "main-abc123"
    assert said["origins"]["app.tag"] == {"from": "--tag"}
    assert said["origins"]["app.image"] == {"from": "file", "line": 3, "variables": ["WEB_IMAGE"]}
    assert said["origins"]["health.probe[0].url"] == {"from": "file", "line": 27}
    assert said["origins"]["state.keep"] == {"from": "default"}


def test_config_shows_no_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither a header's nor an environment's; odd texts are quoted as TOML has it."""
    config = """
[app]
name = "web"
image = "web"
[backend]
type = "process"
command = ["./serve", "a \\"quoted\\" \\\\ caf\u00e9"]
environment = { DB_PASSWORD = "hunter2", "odd name" = "x" }
[[health.probe]]
type = "http"
port = 80
headers = { Authorization = "Bearer sesame1", Host = "web" }
"""
    (tmp_path / "web.toml").write_text(config)
    assert main(["config", str(tmp_path / "web.toml")]) == 0
    out = capsys.readouterr().out
    shown = tomllib.loads(out)
    assert "hunter2" not in out
    assert "sesame1" not in out
    assert shown["backend"]["environment"] == {"DB_PASSWORD": "[redacted]", "odd name": "x"}
    assert shown["backend"]["command"] == ["./serve", 'a "quoted" \\ caf\u00e9']
    assert shown["health"]["probe"][0]["headers"]["Host"] == "web"


# Which app.


def test_without_a_config_file_the_one_that_is_meant_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Or told that there is none: exit 2."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DEPLOYKIT_CONFIG", raising=False)
    assert main(["history"]) == 2
    assert "there is no config file here" in capsys.readouterr().err
    text = '[app]\nname = "shop"\nimage = "web"\n[backend]\ntype = "process"\ncommand = ["x"]\n'
    (tmp_path / "deploykit.toml").write_text(text)
    assert main(["history"]) == 0
    (tmp_path / "deploykit.toml").unlink()
    (tmp_path / "other.conf").write_text(text)
    monkeypatch.setenv("DEPLOYKIT_CONFIG", "other.conf")
    assert main(["history"]) == 0


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("backend.services: c.yml has no service 'wep'", "web.toml: backend.services: c.yml"),
        ("no tag", "error: no tag"),
    ],
)
def test_what_is_wrong_with_a_key_is_told_with_the_file(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, message: str, told: str
) -> None:
    """Also when a backend finds it later; of anything else the file is not to blame."""

    def refuse(_: object) -> None:
        raise ConfigError(message, hint="h")

    cli.world.moments.hooks.append(refuse)
    assert cli("run", "--tag", "one") == 2
    assert told in cli.err
    assert "hint: h" in cli.err


def test_status_says_what_was_changed_by_hand(cli: Cli) -> None:
    """Runs X, the journal says Y."""
    cli.world.good("one")
    cli.world.backend.serving("zero")
    cli("status")
    assert "  look now   runs example.com/team/web:zero, the journal says example.com/team/web:one (r1)" in cli.lines
    assert cli.json("status")["drift"]["tag"] == "one"
