"""The library, used as other people's scripts use it, on real processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploykit import App, Outcome
from deploykit.backends.process import ProcessBackend
from deploykit.probes import HttpProbe
from deploykit.protocols import Control
from deploykit.release import ImageRef, Release
from tests.e2e.support import clean

if TYPE_CHECKING:
    from tests.e2e.support import ProcessApp

SCRIPT = Path(__file__).parents[2] / "examples" / "script.py"


def run_script(app: ProcessApp, tag: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, str(SCRIPT), "shop.toml", tag]
    return subprocess.run(argv, cwd=app.folder, env=clean(), capture_output=True, text=True, check=False)


def test_the_example_script_deploys(app: ProcessApp) -> None:
    """It exits 0 for a good release, and for a bad one 1, saying why and what serves; it prints nothing else."""
    app.release("a")
    assert (run_script(app, "a").returncode, app.version()) == (0, "a")
    app.release("b", ok=False)

    done = run_script(app, "b")

    assert (done.returncode, app.version(), done.stderr) == (1, "a", "")
    assert done.stdout == "Health check failed after 2s serves: a\n"


def test_an_app_needs_no_config_file(app: ProcessApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made of objects, an App does the same job, and remembers it in `.deploykit` beside the script."""
    monkeypatch.chdir(app.folder)
    environment = {"PORT": str(app.port)}
    backend = ProcessBackend(name="shop", command=[sys.executable, "app.py"], environment=environment)
    probe = HttpProbe(url=f"http://127.0.0.1:{app.port}/health", require={"ok": True})
    shop = App("shop", "example.org/shop/web", backend, [probe])
    app.release("a")
    app.release("b", exits=3)
    try:
        assert shop.deploy("a").outcome is Outcome.deployed
        result = shop.deploy("b")
        assert (result.outcome, result.serving and result.serving.image.tag) == (Outcome.rolled_back, "a")
    finally:
        backend.promote(Release("r0", ImageRef("none")), Control())
    assert (app.folder / ".deploykit" / "journal.db").exists()
    assert app.tag_file.read_text() == "a\n"
