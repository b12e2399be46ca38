"""What a release of the process backend is run with."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from deploykit.backends.process.settings import FILE, Settings
from deploykit.errors import ConfigError, StepFailed
from deploykit.release import Snapshot


def settings(
    command: Sequence[str] = ("serve",),
    environment: Mapping[str, str] | None = None,
    directory: str = "releases/{tag}",
    stop_grace: float = 10.0,
    service: str = "app",
) -> Settings:
    return Settings(command, environment or {}, directory, stop_grace, service)


def test_they_come_back() -> None:
    """What is read back from a release's files is what was written."""
    written = settings(["serve", "{tag}"], {"B": "2", "A": "1"}, stop_grace=0.5, service="web")
    read = Settings.of(written.snapshot("v1"))
    assert read.argv("v1", "/content") == ["serve", "v1"]
    assert (read.environment, read.stop_grace, read.service) == ({"A": "1", "B": "2"}, 0.5, "web")


def test_the_same_settings_are_the_same_file() -> None:
    """Neither the order of variables, nor the tag, nor the kind of sequence makes another release."""
    one = settings(["serve", "{tag}"], {"A": "1", "B": "2"}).snapshot("v1")
    other = settings(("serve", "{tag}"), {"B": "2", "A": "1"}).snapshot("v2")
    assert one.parts == other.parts
    assert settings(["serve"]).snapshot("v1").parts != one.parts


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ({"command": []}, "backend.command"),
        ({"command": [""]}, "backend.command"),
        ({"command": "python app.py"}, "backend.command"),
        ({"command": ["serve", "a\0b"]}, "backend.command"),
        ({"command": ["serve", "{port}"]}, "backend.command"),
        ({"command": ["serve", "{}"]}, "backend.command"),
        ({"command": ["serve", "{tag!r}"]}, "backend.command"),
        ({"command": ["serve", "{tag:>9}"]}, "backend.command"),
        ({"command": ["serve", "{tag.x}"]}, "backend.command"),
        ({"command": ["serve", "{tag"]}, "backend.command"),
        ({"command": ["serve", "tag}"]}, "backend.command"),
        ({"environment": {"": "x"}}, "backend.environment"),
        ({"environment": {"A=B": "x"}}, "backend.environment"),
        ({"environment": {"A": "x\0"}}, "backend.environment"),
        ({"directory": ""}, "backend.directory"),
        ({"service": ""}, "backend.service"),
        ({"stop_grace": -1.0}, "backend.stop_grace"),
        ({"stop_grace": float("nan")}, "backend.stop_grace"),
    ],
)
def test_what_is_wrong_is_named(wrong: dict[str, Any], key: str) -> None:
    """A setting that cannot work is refused before anything is done, by its key."""
    with pytest.raises(ConfigError, match=key):
        settings(**wrong).snapshot("v1")


@pytest.mark.parametrize("directory", ["{directory}", "{tag", "releases/{version}"])
def test_a_wrong_directory_is_named(directory: str) -> None:
    """The folder knows no placeholder but the tag."""
    with pytest.raises(ConfigError, match=r"backend\.directory"):
        settings(directory=directory).folder("v1")


def test_doubled_braces_mean_themselves() -> None:
    """Braces that are not placeholders are written twice."""
    command = settings(["sh", "-c", "echo ${{PORT}} {tag} {directory}"])
    assert command.argv("v1", "/content")[2] == "echo ${PORT} v1 /content"


def test_an_image_without_a_tag() -> None:
    """A command that needs the tag cannot be run for an image that has none; others can."""
    with pytest.raises(ConfigError, match="no tag"):
        settings(["serve", "{tag}"]).snapshot(None)
    assert settings().snapshot(None).files


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"colour": "red"}'])
def test_files_of_another_backend(content: bytes) -> None:
    """A release whose files are not the process backend's cannot be started, and that is said."""
    with pytest.raises(StepFailed, match=FILE):
        Settings.of(Snapshot({FILE: content}))
    with pytest.raises(StepFailed, match=FILE):
        Settings.of(Snapshot())
