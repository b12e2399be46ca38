"""What the docker command says when it cannot do its work."""

import sys
from pathlib import Path

import pytest

from deploykit.backends.engine.client import ComposeScope, Engine
from deploykit.errors import EngineUnreachable


def engine(folder: Path, said: str) -> Engine:
    """Return an engine whose docker command refuses in these words."""
    program = folder / "docker"
    program.write_text(f"#!{sys.executable}\nimport sys\nsys.exit({said!r})\n")
    program.chmod(0o755)
    return Engine(environment={"PATH": str(folder)})


@pytest.mark.parametrize(
    "said",
    [
        "docker: 'compose' is not a docker command.\nSee 'docker --help'",
        "docker: unknown command: docker compose\n\nRun 'docker --help' for more information",
        "unknown flag: --file\nSee 'docker --help'.",
        "unknown flag: --file\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]\n\nRun 'docker --help' for more information",
    ],
)
def test_a_missing_compose_plug_in_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    """However docker words it, it is told that Compose is missing, not that the compose file is wrong."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(EngineUnreachable, match="Compose v2 is not installed"):
        engine(tmp_path, said).compose(ComposeScope((tmp_path / "compose.yml",), tmp_path), "config", variables={})


def test_an_option_that_compose_does_not_know_is_no_missing_plug_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal of Compose itself is left to the caller, in its own words."""
    monkeypatch.setenv("PATH", str(tmp_path))
    said = "unknown flag: --nosuch\n\nUsage:  docker compose up [OPTIONS] [SERVICE...]\n"

    done = engine(tmp_path, said).compose(ComposeScope((), tmp_path), "up", variables={})

    assert (done.code, done.errors.decode().strip()) == (1, said.strip())


@pytest.mark.parametrize(
    "said",
    [
        'Failed to initialize: unable to resolve docker endpoint: context "nosuch": context not found: open meta.json',
        "Cannot connect to the Docker daemon at unix:///nowhere.sock. Is the docker daemon running?",
    ],
)
def test_an_engine_that_cannot_be_reached_is_no_fault_of_the_compose_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    """Compose says so as well when it only reads a file, and it is told in its words."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(EngineUnreachable, match=said[-20:-6]):
        engine(tmp_path, said).compose(ComposeScope((), tmp_path), "config", variables={})
