"""The command that makes a container: every setting arrives, and no secret stands in it."""

from pathlib import Path
from typing import Any

import pytest

from deploykit.backends.docker import ContainerSettings, Healthcheck
from deploykit.backends.docker.create import Recipe, create_args, variables_of_lines
from tests.unit.backends.test_docker_settings import FULL


def args(folder: Path, *, one_off: bool = False, argv: tuple[str, ...] = (), **keys: Any) -> list[str]:
    settings = ContainerSettings(**keys)
    recipe = Recipe(
        name="shop-r7-1",
        image="web@sha256:1",
        settings=settings,
        labels={"org.deploykit.app": "shop"},
        networks=settings.networks or {"shop": ("shop",)},
        one_off=one_off,
        argv=argv,
    )
    return create_args(recipe, folder / "environment")


def test_every_setting_arrives(tmp_path: Path) -> None:
    """In the words of docker."""
    assert args(tmp_path, **FULL) == [
        "create",
        "--name=shop-r7-1",
        "--pull=never",
        f"--env-file={tmp_path / 'environment'}",
        "--label=team=courts",
        "--label=org.deploykit.app=shop",
        "--volume=data:/data:ro",
        "--add-host=db:10.0.0.5",
        "--network=front",
        "--network-alias=shop",
        "--network-alias=web",
        "--restart=always",
        "--publish=8000",
        "--publish=127.0.0.1:80:8000",
        "--user=1000",
        "--memory=64m",
        "--cpus=0.5",
        "--stop-timeout=5",
        "--log-driver=json-file",
        "--log-opt=max-size=1m",
        "--health-cmd=true",
        "--health-interval=1s",
        "--health-timeout=2s",
        "--health-start-period=3s",
        "--health-retries=4",
        "--entrypoint=/bin/sh",
        "web@sha256:1",
        "serve",
        "a b",
    ]


def test_what_is_not_said_is_the_images(tmp_path: Path) -> None:
    """Nothing of it stands in the command."""
    assert args(tmp_path)[4:] == [
        "--label=org.deploykit.app=shop",
        "--network=shop",
        "--network-alias=shop",
        "--restart=unless-stopped",
        "web@sha256:1",
    ]


def test_our_labels_have_the_last_word(tmp_path: Path) -> None:
    """Containers are found by them."""
    assert "--label=org.deploykit.app=shop" in args(tmp_path, labels={"org.deploykit.app": "other"})


@pytest.mark.parametrize(
    ("keys", "end"),
    [
        ({"command": ("a", "b")}, ["web@sha256:1", "a", "b"]),
        ({"entrypoint": ("sh", "-c"), "command": ("a",)}, ["--entrypoint=sh", "web@sha256:1", "-c", "a"]),
        ({"entrypoint": (), "command": ("a",)}, ["--entrypoint=", "web@sha256:1", "a"]),
        (
            {"entrypoint": ("sh", "-c"), "argv": ("b",), "command": ("a",)},
            ["--entrypoint=sh", "web@sha256:1", "-c", "b"],
        ),
    ],
)
def test_command_and_entrypoint(tmp_path: Path, keys: dict[str, Any], end: list[str]) -> None:
    """Docker takes one word as entrypoint; the rest stands before the command."""
    assert args(tmp_path, **keys)[-len(end) :] == end


def test_a_one_off_publishes_nothing_and_is_not_started_again(tmp_path: Path) -> None:
    """Whatever is configured."""
    found = args(tmp_path, one_off=True, ports=("80:80",), restart="always")
    assert "--restart=no" in found
    assert not [one for one in found if one.startswith("--publish")]


def test_a_network_of_dockers_own_has_no_aliases(tmp_path: Path) -> None:
    """Docker would refuse them."""
    found = args(tmp_path, networks={"host": ("shop",)})
    assert "--network=host" in found
    assert not [one for one in found if one.startswith("--network-alias")]


def test_a_healthcheck_can_be_switched_off(tmp_path: Path) -> None:
    """Also the image's own."""
    found = args(tmp_path, healthcheck=Healthcheck("true", disable=True, interval="1s"))
    assert [one for one in found if "-health" in one] == ["--no-healthcheck"]


def test_the_environment_stands_in_a_file_of_ours(tmp_path: Path) -> None:
    """For its owner alone; what docker cannot read in one it takes over from its own environment, by name."""
    odd = {"LINES": "one\ntwo", "RETURN": "one\r", "LONG": "x" * 70_000}
    keys: dict[str, Any] = {"environment": {"DB_PASSWORD": "hunter2 'x' \"y\" $z # w ", "EMPTY": "", **odd}}

    found = args(tmp_path, **keys)

    scratch = tmp_path / "environment"
    assert scratch.read_text() == "DB_PASSWORD=hunter2 'x' \"y\" $z # w \nEMPTY=\n"
    assert scratch.stat().st_mode & 0o077 == 0
    assert [one for one in found if one.startswith("--env=")] == ["--env=LINES", "--env=RETURN", "--env=LONG"]
    assert variables_of_lines(ContainerSettings(**keys)) == odd
    assert "hunter2" not in " ".join(found)
