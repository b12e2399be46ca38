"""`-t NAME`: which target is meant, and that everything that is told says so."""

import json
import sys
from pathlib import Path

import pytest

from deploykit.cli import main
from deploykit.cli.arguments import VERBS, parse
from deploykit.errors import ConfigError
from tests.unit.cli.conftest import Cli

CONFIG = """\
[app]
name = "shop"
image = "shop"
[backend]
type = "process"
command = ["x"]
[target.staging]
[target.production.backend]
environment = { STAGE = "production" }
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config with two targets, in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deploykit.toml").write_text(CONFIG)
    return tmp_path / "deploykit.toml"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_takes_it(verb: str) -> None:
    """Before the verb or behind it; the last one counts, and all count before the environment."""
    more = ["-m", "why"] if verb == "hold" else []
    for words in (["-t", "a", verb], [verb, "-t", "a"], [verb, "--target=a"], ["-t", "b", verb, "-t", "a"]):
        assert parse([*words, *more])[1].target == "a"
    assert parse([verb, *more])[1].target is None


def test_the_environment_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """When nothing is typed; empty is as good as not there."""
    monkeypatch.setenv("DEPLOYKIT_TARGET", "a")
    assert (parse(["run"])[1].target, parse(["run", "-t", "b"])[1].target) == ("a", "b")
    monkeypatch.setenv("DEPLOYKIT_TARGET", "")
    assert parse(["run"])[1].target is None


def test_it_is_required_and_must_be_there(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, naming those that there are, or the one that was meant; exit 2 also where there are none."""
    for words, said in (
        (["status"], "deploykit.toml has targets, and none was named: production, staging"),
        (["status", "-t", "stagin"], "has no target 'stagin'; did you mean 'staging'?"),
    ):
        assert main(words) == 2
        assert said in capsys.readouterr().err
    file.write_text(CONFIG.partition("[target")[0])
    assert main(["status", "-t", "staging"]) == 2
    assert "has no target 'staging', nor any other" in capsys.readouterr().err


def test_the_config_is_that_of_the_target(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Complete, with what is its own."""
    assert main(["config", "-t", "production", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["backend"]["environment"] == {"STAGE": "production"}
    assert said["app"]["name"] == "shop-production"
    assert said["state"]["dir"] == str(file.parent / ".deploykit" / "targets" / "production")
    assert said["rollback"]["previous_tag_file"] == str(file.parent / ".previous_image_tag.production")


def test_the_unit_for_the_boot_has_it(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In its name too: there is one for each target."""
    monkeypatch.setattr(sys, "argv", ["/usr/bin/deploykit"])
    assert main(["init", "--systemd", "-t", "staging"]) == 0
    unit = capsys.readouterr().out
    assert f"recover -c {file} -t staging --lock-wait 60" in unit
    assert "systemctl enable shop-staging-recover" in unit


def test_a_key_is_told_as_it_is_written_whoever_finds_it(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also by a backend, which knows of no target."""

    def load(path: Path, target: str) -> None:
        raise ConfigError("backend.environment: no")

    monkeypatch.setattr("deploykit.load", load)
    for target, said in (("production", "target.production.backend.environment"), ("staging", "backend.environment")):
        assert main(["status", "-t", target]) == 2
        assert f" deploykit.toml: {said}: no\n" in capsys.readouterr().err


def test_it_is_in_the_lines_and_in_what_to_do_next(cli: Cli) -> None:
    """The commands that are told can be typed as they stand."""
    cli.world.backend.release("two").crashes(exit_code=3)
    cli("run", "-t", "production", "--tag", "one")
    assert cli.lines[0] == "[deploy] Target: production"
    assert cli("run", "-t", "production", "--tag", "two") == 1
    assert cli.lines[-2].endswith(" deploykit history web.toml -t production r2")
    assert cli("rollback", "-t", "production", "nosuch") == 2
    assert "`deploykit run web.toml -t production --tag nosuch` deploys it" in cli.err
    assert cli.json("rollback", "-t", "production", "nosuch")["hint"].count("-t production") == 1


def test_what_is_shown_says_it(cli: Cli) -> None:
    """At the head of the text, and as a key of JSON."""
    cli.world.good("one")
    cli("status", "-t", "production")
    assert cli.lines[0].startswith("web (target production): ")
    cli("run", "--dry-run", "-t", "production", "--tag", "two")
    assert cli.lines[0].startswith("web (target production): ")
    for words in (["status"], ["run", "--dry-run", "--tag", "two"], ["check", "--tag", "two"]):
        assert cli.json(*words, "-t", "production")["target"] == "production"
        assert cli.json(*words)["target"] is None
    cli("hold", "-t", "production", "-m", "x")
    assert "`deploykit unhold web.toml -t production`" in cli.out
    cli("check", "-t", "production", "--tag", "two")
    assert "`deploykit unhold web.toml -t production` lets them go on" in cli.out


def test_events_as_json_have_it_where_there_is_one(cli: Cli) -> None:
    """Those that begin and end a deployment; a move's `target` is the state that it goes to, with and without."""
    for words, target in ((["-t", "production"], "production"), ([], None)):
        cli("run", *words, "--tag", target or "one", "--json")
        said = [json.loads(line) for line in cli.lines]
        assert (said[0].get("target"), said[-1].get("target")) == (target, target)
        assert {one["target"] for one in said if one["event"] == "state.changed"} >= {"pulling", "healthy"}
