"""What a container is made with: as a config says it, and as a release keeps it."""

from pathlib import Path
from typing import Any

import pytest

from deploykit.backends.docker import ContainerSettings, Healthcheck
from deploykit.errors import ConfigError

FULL: dict[str, Any] = {
    "replicas": 2,
    "ports": ("8000", "127.0.0.1:80:8000"),
    "volumes": ("data:/data:ro",),
    "networks": {"front": ("shop", "web"), "back": ()},
    "command": ("serve", "a b"),
    "entrypoint": ("/bin/sh",),
    "user": "1000",
    "labels": {"team": "courts"},
    "restart": "always",
    "healthcheck": Healthcheck("true", False, "1s", "2s", "3s", 4),
    "mem_limit": "64m",
    "cpus": 0.5,
    "stop_grace_period": 5,
    "extra_hosts": ("db:10.0.0.5",),
    "logging_driver": "json-file",
    "logging_options": {"max-size": "1m"},
}


def test_a_release_keeps_all_of_it() -> None:
    """And is made with the same again, whatever the config says by then."""
    settings = ContainerSettings(**FULL, environment={"A": "1\n2"})
    assert ContainerSettings.of(settings.snapshot({})) == settings
    assert ContainerSettings.of(ContainerSettings().snapshot({})) == ContainerSettings()


def test_the_environment_is_filled_in_when_it_is_kept(tmp_path: Path) -> None:
    """The config has the last word, then the later files; what the shell does not have is left out."""
    first, second = tmp_path / "1.env", tmp_path / "2.env"
    first.write_text("A=first\nB=first\nC=first\n")
    second.write_text("# a comment\n\nexport B='second  one'\nC=second\nBARE\nGONE\n")
    said = {"C": "config", "TAKEN": None, "NOT_THERE": None, "EMPTY": ""}
    settings = ContainerSettings(environment=said, env_file=(str(first), str(second)))

    kept = ContainerSettings.of(settings.snapshot({"TAKEN": "shell", "BARE": "bare"}))

    assert kept.environment == {
        "A": "first",
        "B": "second  one",
        "C": "config",
        "TAKEN": "shell",
        "BARE": "bare",
        "EMPTY": "",
    }
    assert kept.env_file == ()


def test_each_part_is_told_apart() -> None:
    """Another environment is another release, and what differs can be named."""
    one = ContainerSettings(environment={"A": "1"}).snapshot({})
    other = ContainerSettings(environment={"A": "2"}).snapshot({})
    assert {name for name in one.parts if one.parts[name] != other.parts[name]} == {"environment.json"}
    more = ContainerSettings(environment={"A": "1"}, replicas=2).snapshot({})
    assert {name for name in one.parts if one.parts[name] != more.parts[name]} == {"container.json"}


def test_no_value_of_the_environment_is_shown() -> None:
    """Not where the settings are printed."""
    assert "hunter2" not in repr(ContainerSettings(environment={"DB_PASSWORD": "hunter2"}))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "backend.env_file: {path} cannot be read: No such file or directory"),
        (b"A=\xff\n", "backend.env_file: {path} cannot be read: it is not UTF-8"),
        (b"A=1\n\nB='open\n", "backend.env_file: web.env, line 3 is no NAME=VALUE"),
    ],
)
def test_an_env_file_that_cannot_be_read(tmp_path: Path, content: bytes | None, told: str) -> None:
    """It is named, with the line, but never with what stands there."""
    path = tmp_path / "web.env"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        ContainerSettings(env_file=(str(path),)).snapshot({})
    assert str(caught.value) == told.format(path=path)


@pytest.mark.parametrize(
    ("port", "published"),
    [
        ("8000", {}),
        ("80:8000", {80: 8000}),
        ("127.0.0.1:80:8000", {80: 8000}),
        ("[::1]:80:8000/tcp", {80: 8000}),
        ("80:8000/udp", {}),
        ("127.0.0.1::8000", {}),
        ("80-81:8000-8001", {}),
    ],
)
def test_which_ports_of_the_machine_are_its_own(port: str, published: dict[int, int]) -> None:
    """Those that are said, and at which something can be asked over TCP."""
    assert ContainerSettings(ports=(port,)).published == published
