"""Where each value of a config comes from."""

from pathlib import Path

import pytest

from deploykit.config.origins import Origin, Origins, lines_of

TEXT = """\
[app]  # the app
name = "web"
image = "${WEB_IMAGE:-ghcr.io/team/web}"

[backend]
type = "process"
command = [
  "./serve",  # a comment with ] in it
  "${FLAGS}",
]
environment = { A = "$WEB_IMAGE", B = "x" }

[[health.probe]]
type = "tcp"
port = 1
[[health.probe]]
type = '''
tcp'''
port = 2
health.x = 1
"""


def test_the_line_at_which_a_value_begins() -> None:
    """Also of a value of several lines, of a second table, of what stands within a value, and of a dotted key."""
    lines = lines_of(TEXT)
    found = {
        ("app", "name"): 2,
        ("app", "image"): 3,
        ("backend", "command"): 7,
        ("backend", "environment", "B"): 11,
        ("health", "probe", 0, "port"): 15,
        ("health", "probe", 1): 16,
        ("health", "probe", 1, "type"): 17,
        ("health", "probe", 1, "port"): 19,
        ("health", "probe", 1, "health", "x"): 20,
    }
    assert {key: lines[key] for key in found} == found
    assert ("app", "tag") not in lines


@pytest.mark.parametrize("text", ["", "# nothing", "a = 1\r\n", "\n" * 5000 + "a = 1\n"])
def test_odd_texts(text: str) -> None:
    """What has no line has none; a very long file is not looked through."""
    assert lines_of(text) in ({}, {("a",): 1})


def test_where_it_comes_from(tmp_path: Path) -> None:
    """The file with its variables, those that are set and those that are not; or the default."""
    path = tmp_path / "web.toml"
    path.write_text(TEXT)
    origins = Origins(path, {"FLAGS": "-v", "OTHER": "x"})
    assert origins.of(("app", "image")) == Origin("file", 3, unset=("WEB_IMAGE",))
    assert origins.of(("backend", "command")) == Origin("file", 7, ("FLAGS",))
    assert origins.of(("backend", "pull")) == Origin("default")


def test_a_target_says_it_first(tmp_path: Path) -> None:
    """What its own table says has that line; the rest has the line that all targets share."""
    path = tmp_path / "web.toml"
    path.write_text(f'{TEXT}[target.staging.app]\nimage = "$REGISTRY/web"\n')
    origins = Origins(path, {"REGISTRY": "r.example"}, "staging")
    assert origins.of(("app", "image")) == Origin("file", 22, ("REGISTRY",))
    assert origins.of(("app", "name")) == Origin("file", 2)
    assert origins.of(("state", "dir")) == Origin("default")
