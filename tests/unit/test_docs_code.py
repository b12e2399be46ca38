"""The code in the docs for people who program: every block of it is run."""

import logging
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from deploykit.cli import main
from deploykit.testing import Fake
from examples import script
from tests.unit.test_docs import DOCS, PAGES, README, ROOT, blocks

LIBRARY, TESTING = DOCS / "how-to" / "library.md", DOCS / "how-to" / "testing.md"
FOLLOWED = DOCS / "tutorial.md"
"""What tests/e2e/test_tutorial.py does, step by step."""
SCRIPT, *OWN_TESTS = blocks(README, "python")
TESTS = [page for page in PAGES if page not in {LIBRARY, README, FOLLOWED} and blocks(page, "python")]


@pytest.fixture
def own_logging() -> Iterator[None]:
    transitions = logging.getLogger("transitions")
    before = transitions.level
    yield
    transitions.setLevel(before)


@pytest.mark.usefixtures("own_logging")
@pytest.mark.parametrize("block", [*blocks(LIBRARY, "python"), SCRIPT])
def test_the_library_s_page_deploys(block: str, deploykit_fake: Fake) -> None:
    """Each block by itself, on a fake."""
    with suppress(SystemExit):
        exec(compile(block, "block", "exec"), {})
    deploykit_fake.assert_serving("main-abc123")


def test_every_error_is_in_the_table() -> None:
    """With its exit code."""
    rows = dict(re.findall(r"^\| `(\w+)` \| (\d+) \|", LIBRARY.read_text(), re.MULTILINE))
    import deploykit

    assert {name: str(getattr(deploykit, name).exit_code) for name in rows} == rows
    assert len(rows) == 5


@pytest.mark.parametrize(
    "written",
    [OWN_TESTS, *(blocks(page, "python") for page in TESTS)],
    ids=["README.md", *(page.name for page in TESTS)],
)
def test_the_tests_in_the_docs_pass(written: list[str], tmp_path: Path) -> None:
    """As pytest runs them, beside the deploy script of tests/consumer and the plug-in of examples/plugin."""
    for number, block in enumerate(written):
        (tmp_path / f"test_{number}.py").write_text(block)
    path = os.pathsep.join(str(ROOT / folder) for folder in ("tests/consumer", "examples/plugin"))
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", str(tmp_path)]
    done = subprocess.run(
        argv, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_story_in_the_docs_is_what_is_told(deploykit_fake: Fake) -> None:
    """Word for word."""
    (block,) = blocks(TESTING, "text")
    deploykit_fake.serving("main-xyz789")
    deploykit_fake.release("main-abc123").crashes(after=3, log="ImportError: courts")
    script.main("sandmatch.toml", "main-abc123")
    with pytest.raises(AssertionError) as caught:
        deploykit_fake.assert_serving("main-abc123")
    assert f"AssertionError: {caught.value}\n" == block


def test_the_failed_deploy_in_the_readme_is_what_is_printed(
    deploykit_fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the config above it: every line that is shown, in that order."""
    monkeypatch.chdir(tmp_path)
    Path("sandmatch.toml").write_text(blocks(README, "toml")[0])
    deploykit_fake.serving("main-xyz789")
    deploykit_fake.release("main-abc123").never_ready()
    (block,) = blocks(README, "text")
    command, *shown, asked, code = block.splitlines()
    assert (str(main(shlex.split(command.removeprefix("$ deploykit ")))), asked) == (code, "$ echo $?")
    printed = iter(capsys.readouterr().out.splitlines())
    assert not [line for line in shown if not any(line == found for found in printed)]


def test_init_writes_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the compose file on it: the same keys and values."""
    page = DOCS / "how-to" / "compose.md"
    (compose,), (config,), (console, _) = (blocks(page, kind) for kind in ("yaml", "toml", "console"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("deploykit.backends.compose.project.read_model", lambda _: model(compose))
    assert main(shlex.split(console.removeprefix("$ deploykit "))) == 0
    assert tomllib.loads(Path("deploykit.toml").read_text()) == tomllib.loads(config)


def model(compose: str) -> dict[str, object]:
    return {"name": "shop", **yaml.safe_load(compose)}


def test_every_line_of_a_script_is_in_the_docs() -> None:
    """And every name that a test of a script can use."""
    from deploykit.testing import FakeRelease
    from deploykit.testing.verbs import Verbs

    page = TESTING.read_text()
    lines = {name for name in vars(FakeRelease) if not name.startswith("_")} - {"good", "labelled", "command_writes"}
    verbs = {name for name in vars(Verbs) if not name.startswith("_")} - {"world", "backend", "state", "clock"}
    told = verbs - {"events", "serves"}
    assert not [name for name in sorted(lines | told) if not re.search(rf"\b{name}\b", page)]


def test_the_backend_of_the_example_is_short() -> None:
    """As the docs say: under 80 lines."""
    source = ROOT / "examples" / "plugin" / "deploykit_site" / "backend.py"
    assert len(source.read_text().splitlines()) < 80
