"""`deploykit demo`."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scripts.commands import until

if TYPE_CHECKING:
    from tests.e2e.support import ProcessApp


def left(folder: Path) -> list[str]:
    """Return what runs from, or lies in, the folder that the demo made its own in."""
    running = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(folder).encode() in (entry / "environ").read_bytes():
                running.append(entry.name)
        except OSError:
            continue
    return [*running, *map(str, folder.iterdir())]


def test_the_demo_shows_the_main_job_and_leaves_nothing(app: ProcessApp, tmp_path: Path) -> None:
    """The demo deploys, fails, rolls back by itself, exits 0, and leaves no process and no file."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    done = app.deploykit("demo", TMPDIR=str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    for wanted in ("[health]", "$ deploykit run demo.toml --tag v1", "ERROR: Health check failed after 3s"):
        assert wanted in done.stdout
    assert "Rolling back to: demo:v1" in done.stdout
    assert until(lambda: not left(folder), within=5), left(folder)


@pytest.mark.parametrize("line", ["Smoke check...", "Saved current", "Rolling back to"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_stopped_leaves_nothing(
    app: ProcessApp, tmp_path: Path, number: signal.Signals, line: str
) -> None:
    """Ctrl-C and SIGTERM at any moment end the demo with everything put away."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    process = app.start("demo", env={"TMPDIR": str(folder)})
    app.wait_for(process, line)
    os.kill(process.pid, number)
    _, err = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "Traceback" not in err
    assert until(lambda: not left(folder), within=5), left(folder)
