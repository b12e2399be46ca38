"""The examples that no engine is needed for are what they say."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploykit.backends.compose.rolling import what_cannot_roll
from deploykit.cli.arguments import parse
from deploykit.config import read_config
from deploykit.config.model import ComposeTable
from tests.unit.made import targets_of
from tests.unit.test_docs import ROOT

EXAMPLES = ROOT / "examples"
WORKFLOWS = sorted((EXAMPLES / "github-actions").glob("*.yml"))
CONFIGS = [path for path in sorted(EXAMPLES.glob("*/*.toml")) if path.name != "pyproject.toml"]
TRAEFIK = EXAMPLES / "rolling-traefik"


@pytest.mark.usefixtures("example_plugin")
@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_config_is_one(config: Path) -> None:
    """For each of its targets."""
    for target in targets_of(config):
        assert read_config(config, {}, target).app.name


def steps(workflow: Path) -> list[dict[str, Any]]:
    return [step for job in yaml.safe_load(workflow.read_text())["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_each_command_of_a_workflow_can_be_typed(workflow: Path) -> None:
    """Also one that ssh carries to the server."""
    scripts = "\n".join(step.get("run", "") for step in steps(workflow))
    typed = re.findall(r"^(?:ssh .*&& )?deploykit (.*?)(?:(?<=\d)\")?$", scripts, re.MULTILINE)
    assert len(typed) == scripts.count("deploykit ")
    for words in typed:
        parse(shlex.split(words))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_takes_its_turn_and_lets_nobody_s_text_into_a_shell(workflow: Path) -> None:
    """No deploy is cancelled by the next, and what GitHub fills in reaches a shell as a variable alone."""
    assert yaml.safe_load(workflow.read_text())["concurrency"]["cancel-in-progress"] is False
    assert not [step for step in steps(workflow) if "${{" in step.get("run", "")]


def test_traefik_goes_by_the_health_that_deploykit_waits_for() -> None:
    """And an old instance is there until Traefik must have seen it fail."""
    web = yaml.safe_load((TRAEFIK / "docker-compose.yml").read_text())["services"]["web"]
    config = read_config(TRAEFIK / "deploykit.toml", {"WEB_IMAGE_TAG": "one"}, None)
    assert web["labels"]["traefik.enable"] == "true"
    assert config.probes[0].type == "container"
    check = {name: float(str(web["healthcheck"][name]).rstrip("s")) for name in ("interval", "timeout", "retries")}
    assert isinstance(config.backend, ComposeTable)
    assert config.backend.drain > check["retries"] * (check["interval"] + check["timeout"]) + 0.2
    assert config.health.stable_for > 0.2
    assert not [*what_cannot_roll({"services": {"web": web}}, ["web"], [TRAEFIK / "docker-compose.yml"])]
