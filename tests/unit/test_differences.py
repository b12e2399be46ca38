"""What two releases differ in: named part by part, and without a value that may be secret."""

import json
from dataclasses import replace

import pytest

from deploykit.differences import differences
from deploykit.release import ImageRef, Release, Snapshot

OLD = Release("r1", ImageRef("example.com/web", "one", f"sha256:{1:064}", f"sha256:{3:064}"))
NEW = replace(OLD, id="r2")
COMPOSE = json.dumps(
    {"services": {"web": {"environment": {"API_TOKEN": "canary-one", "debug": "canary-one"}, "ports": ["80:80"]}}}
).encode()


def told(old: dict[str, bytes], new: dict[str, bytes]) -> dict[str, list[str]]:
    """Return the lines by the part."""
    return {one.part: list(one.lines) for one in differences(OLD, NEW, (Snapshot(old), Snapshot(new)))}


def test_nothing_is_told_of_what_is_the_same() -> None:
    """No part, no line."""
    assert told({"compose.json": COMPOSE}, {"compose.json": COMPOSE}) == {}


def test_images_differ_in_name_and_content() -> None:
    """Tag, digest and id, each where it is another."""
    new = replace(NEW, image=ImageRef("example.com/web", "two", f"sha256:{2:064}", f"sha256:{3:064}"))
    (one,) = differences(OLD, new, (Snapshot(), Snapshot()))
    assert one.part == "image"
    assert one.lines == ["- example.com/web:one", "+ example.com/web:two", f"- sha256:{1:064}", f"+ sha256:{2:064}"]


def test_a_part_is_named_as_its_file_was() -> None:
    """With its folders; of one that is no table of settings the sizes are told."""
    assert told({}, {"deploy%2Fcompose.json": b'{"a": 1}'}) == {"deploy/compose.json": ["+ a = 1"]}
    assert told({"notes": b"canary"}, {"notes": b"canary two"}) == {"notes": ["- 6 bytes", "+ 10 bytes"]}


@pytest.mark.parametrize(
    ("name", "old"),
    [
        ("compose.json", COMPOSE),
        ("web.env", b"# a comment\nexport API_TOKEN=canary-one\nDEBUG=canary-one\n"),
        ("env_files/production.conf", b"KEY='-----BEGIN\ncanary-one=\n-----END'\nDEBUG=canary-one\n"),
        ("environment.json", json.dumps({"DEBUG": "canary-one"}).encode()),
        ("variables.json", json.dumps({"DEBUG": "canary-one"}).encode()),
        ("settings.json", json.dumps({"environment": {"debug": "canary-one"}, "token": "canary-one"}).encode()),
    ],
)
def test_values_of_variables_are_never_told(name: str, old: bytes) -> None:
    """Neither the one before nor the one after, wherever variables stand; that they differ is."""
    said = told({name: old}, {name: old.replace(b"canary-one", b"canary-two")})
    assert said[name]
    assert "canary" not in str(said)
    assert "canary" not in str(told({}, {name: old}))


def test_variables_are_told_by_their_names() -> None:
    """What came, what went, what has another value."""
    said = told({"web.env": b"A=1\nB=2\nC=3\n"}, {"web.env": b"B=2\nC=4\nD=5\n"})
    assert said == {"web.env": ["- A", "  C has another value", "+ D"]}


def test_settings_are_told_by_their_paths() -> None:
    """Old and new value of each that is another."""
    old = {"replicas": 1, "logging": {"driver": "local"}, "user": None}
    new = {"replicas": 2, "logging": {"driver": "local"}, "user": None, "cpus": 1.5}
    said = told({"container.json": json.dumps(old).encode()}, {"container.json": json.dumps(new).encode()})
    assert said == {"container.json": ["+ cpus = 1.5", "- replicas = 1", "+ replicas = 2"]}


def test_a_secret_is_blanked_out_wherever_it_stands() -> None:
    """One that an env file names, in a command; and a password in a URL."""
    new = {
        "web.env": b"API_TOKEN=canary-one\n",
        "container.json": b'{"command": ["--token=canary-one", "amqp://u:canary@h/"]}',
    }
    said = told({}, new)
    assert said["container.json"] == ['+ command = ["--token=[redacted]", "amqp://[redacted]@h/"]']
