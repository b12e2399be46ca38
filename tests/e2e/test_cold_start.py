"""What is not imported."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import clean

if TYPE_CHECKING:
    from tests.e2e.support import ProcessApp

HEAVY = {"pydantic", "structlog", "tenacity", "transitions", "python_on_whales", "rich"}


def imported(app: ProcessApp, code: str) -> set[str]:
    """Return which heavy packages some code imports."""
    script = f"import sys\n{code}\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=app.folder, env=clean(), capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in done.stderr.split()} & HEAVY


def run(*argv: str) -> str:
    return f"from deploykit.cli import main; main({list(argv)!r})"


def test_importing_deploykit_imports_nothing_heavy(app: ProcessApp) -> None:
    """`import deploykit` brings none of the libraries along."""
    assert imported(app, "import deploykit") == set()


@pytest.mark.timed
def test_importing_deploykit_takes_no_time() -> None:
    """Less than 60 ms over bare Python: the fastest of several, for the machine is shared."""
    took = {code: min(timed(code) for _ in range(7)) for code in ("pass", "import deploykit")}
    assert took["import deploykit"] - took["pass"] < 0.06


def timed(code: str) -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", code], env=clean(), check=True)
    return time.monotonic() - began


@pytest.mark.parametrize("argv", [["--help"], ["run", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(app: ProcessApp, argv: list[str]) -> None:
    """Help and version bring none of the libraries along."""
    assert imported(app, run(*argv)) == set()


@pytest.mark.parametrize("verb", ["history", "status", "config", "health"])
def test_looking_imports_neither_structlog_nor_python_on_whales(app: ProcessApp, verb: str) -> None:
    """The looking verbs log nothing, and on the process backend ask no Docker."""
    app.deploy("a")
    assert not imported(app, run(verb)) & {"structlog", "python_on_whales", "rich"}


def test_a_deploy_imports_no_structlog(app: ProcessApp) -> None:
    """Its lines are written plainly; the library's log observer is for other people's scripts."""
    app.deploy("a")
    assert not imported(app, run("run", "--tag", "a")) & {"structlog", "python_on_whales", "rich"}


def test_history_of_a_compose_app_imports_no_python_on_whales(app: ProcessApp) -> None:
    """`history` asks no engine, so it does not pay for the library that would."""
    (app.folder / "compose.toml").write_text(
        '[app]\nname = "a"\nimage = "b"\n[backend]\ntype = "compose"\nfile = "c.yml"\nservices = ["web"]\n'
    )
    assert not imported(app, run("history", "compose.toml")) & {"structlog", "python_on_whales"}
