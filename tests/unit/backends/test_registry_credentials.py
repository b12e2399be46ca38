"""The logins that docker has, wherever it keeps them."""

import json
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from deploykit.backends.engine.line import cli_settings
from deploykit.backends.engine.registry.credentials import Credentials, Login
from deploykit.backends.engine.registry.place import Place
from deploykit.errors import RegistryFailed

AUTH = b64encode(b"ci:pass:word").decode()
CI = Login("ci", "pass:word")


def login(settings: dict[str, Any], repository: str = "ghcr.io/team/web", **environment: str) -> Login | None:
    return Credentials(settings, environment).of(Place.of(repository))


@pytest.fixture
def helper(tmp_path: Path) -> dict[str, Any]:
    """A program that keeps logins, with what it is to say; `PATH` leads to it."""
    said: dict[str, Any] = {"code": 0, "out": json.dumps({"Username": "ci", "Secret": "hunter2"}), "err": ""}
    program = tmp_path / "docker-credential-vault"
    program.write_text(
        f"#!{sys.executable} -IS\nimport json, sys\nsaid = json.load(open({str(tmp_path / 'said')!r}))\n"
        f"open({str(tmp_path / 'asked')!r}, 'w').write(' '.join(sys.argv[1:]) + ' ' + sys.stdin.read())\n"
        "sys.stderr.write(said['err']); print(said['out']); sys.exit(said['code'])\n"
    )
    program.chmod(0o755)
    said["folder"] = tmp_path
    return said


def helped(helper: dict[str, Any], repository: str = "ghcr.io/team/web", **settings: Any) -> Login | None:
    folder = helper["folder"]
    (folder / "said").write_text(json.dumps({key: helper[key] for key in ("code", "out", "err")}))
    return login(settings or {"credsStore": "vault"}, repository, PATH=str(folder))


@pytest.mark.parametrize(
    "auths",
    [
        {"ghcr.io": {"auth": AUTH}},
        {"https://ghcr.io": {"auth": AUTH}},
        {"https://ghcr.io/v2/": {"auth": AUTH}},
        {"ghcr.io": {"username": "ci", "password": "pass:word"}},
    ],
)
def test_in_its_file(auths: dict[str, Any]) -> None:
    """Under the host, or a URL of it."""
    assert login({"auths": auths}) == CI
    assert login({"auths": auths}, "ghcr.io.example/web") is None


def test_docker_hub() -> None:
    """It has a name of its own."""
    assert login({"auths": {"https://index.docker.io/v1/": {"auth": AUTH}}}, "team/web") == CI


@pytest.mark.parametrize("entry", [{}, {"auth": "%%"}, {"auth": b64encode(b"nocolon").decode()}, {"auth": 5}, "x"])
def test_an_entry_that_says_nothing(entry: object) -> None:
    """There is no login."""
    assert login({"auths": {"ghcr.io": entry}}) is None
    assert login({"auths": []}) is None


def test_a_program_that_keeps_them(helper: dict[str, Any]) -> None:
    """It is asked for this registry; the one that is named for it before the one for all."""
    assert helped(helper) == Login("ci", "hunter2")
    assert (helper["folder"] / "asked").read_text() == "get ghcr.io"
    assert helped(helper, credHelpers={"ghcr.io": "vault"}, credsStore="other") == Login("ci", "hunter2")
    assert helped(helper, "team/web")
    assert (helper["folder"] / "asked").read_text() == "get https://index.docker.io/v1/"


def test_a_program_that_has_a_token(helper: dict[str, Any]) -> None:
    """It says so in place of a user."""
    helper["out"] = json.dumps({"Username": "<token>", "Secret": "hunter2"})
    assert helped(helper) == Login("<token>", "hunter2", is_token=True)


def test_a_program_that_has_none(helper: dict[str, Any]) -> None:
    """Then there is none."""
    helper |= {"code": 1, "out": "credentials not found in native keychain"}
    assert helped(helper) is None


@pytest.mark.parametrize("said", [{"code": 1, "err": "hunter2"}, {"out": "hunter2"}, {"out": '["hunter2"]'}])
def test_a_program_that_fails(helper: dict[str, Any], said: dict[str, Any]) -> None:
    """It is named, and nothing of what it wrote is told."""
    helper |= {"out": "hunter2", **said}
    with pytest.raises(RegistryFailed, match=r"docker-credential-vault gives no login for ghcr\.io") as told:
        helped(helper)
    assert "hunter2" not in f"{told.value}{told.value.hint}"


def test_a_program_that_is_not_there() -> None:
    """It is named."""
    with pytest.raises(RegistryFailed, match="docker-credential-gone, which keeps docker's logins, cannot be run"):
        login({"credsStore": "gone"}, PATH="/nowhere")


def test_no_secret_is_shown() -> None:
    """Not by accident either."""
    assert "pass" not in repr(CI)
    assert "hunter2" not in repr(Credentials({"auths": {"x": "hunter2"}}, {"A": "hunter2"}))


def test_where_docker_keeps_its_file(tmp_path: Path) -> None:
    """In DOCKER_CONFIG, else in the home folder; one that cannot be read says nothing."""
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").write_text('{"credsStore": "home"}')
    (tmp_path / "config.json").write_text('{"credsStore": "named"}')
    assert cli_settings({"HOME": str(tmp_path)}) == {"credsStore": "home"}
    assert cli_settings({"HOME": str(tmp_path), "DOCKER_CONFIG": str(tmp_path)}) == {"credsStore": "named"}
    (tmp_path / "config.json").write_text("{")
    assert cli_settings({"DOCKER_CONFIG": str(tmp_path)}) == {}
