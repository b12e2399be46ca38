"""Hooks and notices of a real command on the process backend."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.commands import until
from tests.e2e.support import deploy_lines, in_order

if TYPE_CHECKING:
    from tests.e2e.support import ProcessApp

HOOKS = f"""
[hooks]
before_start = ["sh", "-c", "echo backup of $$DEPLOYKIT_APP before $$DEPLOYKIT_TAG"]
after_rollback = ["sh", "-c", "echo back from $$DEPLOYKIT_TAG >&2; exit 9"]
on_failure = [{json.dumps(sys.executable)}, "-c", "import os; print(os.environ['DEPLOYKIT_ERROR'])"]
[notify]
url = "http://127.0.0.1:1/services/hunter2"
"""


def test_a_restored_deploy_with_hooks_and_nobody_to_notify(app: ProcessApp) -> None:
    """The runbook's lines, the exit code and the page after them are what they are without."""
    app.deploy("v1")
    app.release("v2", exits=3)
    app.config.write_text(app.config.read_text() + HOOKS)
    done = app.deploykit("run", "--tag", "v2")
    lines = deploy_lines(done.stdout)
    assert done.returncode == 1
    wanted = [
        "Running hook before_start...",
        "| backup of shop before v2",
        "Starting containers...",
        "Auto-rollback triggered due to health check failure",
        "Running hook after_rollback...",
        "| back from v2",
        "WARNING: after_rollback exited with code 9; this changes nothing of how r2 ended",
        "Running hook on_failure...",
        "Rollback completed successfully",
    ]
    assert in_order(wanted, lines), lines
    assert lines[-1].split() == ["deploykit", "history", "r2", "this", "page", "again"]
    assert done.stderr == "WARNING: the notice to [notify] url was not sent: Connection refused\n"
    app.serves("v1")


def test_a_hook_dies_with_deploykit(app: ProcessApp) -> None:
    """Killed in before_start: nothing of it is left, nothing was replaced, and the next command finishes it."""
    app.deploy("v1")
    app.release("v2")
    pid = app.folder / "pid"
    hook = '["sh", "-c", "echo $$$$ > pid; exec sleep 60"]'
    plain = app.config.read_text()
    app.config.write_text(f"{plain}\n[hooks]\nbefore_start = {hook}\n")
    process = app.start("run", "--tag", "v2")
    assert until(lambda: pid.exists() and bool(pid.read_text().strip()), within=10)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=10)
    assert until(lambda: not _lives(int(pid.read_text())), within=5)
    assert app.deploykit("recover").returncode == 1
    assert app.serves("v1")


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):
        return False
