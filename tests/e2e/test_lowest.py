"""The lowest versions of the libraries that pyproject.toml allows: what touches them passes its tests there too."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
import venv
from pathlib import Path

import pytest
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PINS = ROOT / "constraints-lowest.txt"
TOUCHING = {
    "pydantic": ["config", "test_config.py", "test_config_errors.py", "test_journal.py"],
    "python-dotenv": ["test_config_variables.py"],
    "python-on-whales": ["backends/test_engine_client.py", "test_wiring.py"],
    "pyyaml": ["backends/test_swarm_stackfile.py"],
    "rich": ["observers/test_progress.py"],
    "structlog": ["observers/test_log.py", "observers/test_lines.py"],
    "tenacity": ["test_health.py"],
    "transitions": ["test_states.py", "test_outcomes.py", "testing/test_fake.py"],
}
"""Of tests/unit, by the library that they touch. All of them pass there too, but take minutes."""


def project() -> dict[str, str]:
    """The lowest version of each library, as pyproject.toml says it."""
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    return dict(one.split(">=") for one in dependencies)


def test_the_lowest_versions_are_those_that_are_allowed() -> None:
    """Each library is pinned to the version that its `>=` names, and has tests here."""
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", PINS.read_text(), re.MULTILINE))
    lowest = project()
    assert {name: Version(pins[name]) for name in lowest} == {name: Version(of) for name, of in lowest.items()}
    assert set(TOUCHING) == set(lowest)


@pytest.mark.xdist_group("lowest")
def test_the_lowest_versions_pass(tmp_path: Path) -> None:
    """In an environment of their own."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    install = "-m pip install --quiet --disable-pip-version-check -c"
    run(python, *install.split(), PINS, "-e", ROOT, "pytest", "hypothesis")
    chosen = sorted({ROOT / "tests" / "unit" / one for tests in TOUCHING.values() for one in tests})
    said = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen)
    assert re.search(r"\d{3,} passed", said), said


def run(*argv: str | Path) -> str:
    done = subprocess.run(argv, cwd=ROOT, env=os.environ.copy(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
