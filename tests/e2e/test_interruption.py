"""Signals, locks, and kills, with deploykit as a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scripts.commands import until
from tests.e2e.support import Terminal, clean, deploy_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.support import ProcessApp


def checking(app: ProcessApp, *argv: str) -> subprocess.Popen[str]:
    """Start a deploy of a release that is long in the health check, and return when it is in it."""
    app.configure(attempts=60)
    app.release("slow", delay=60)
    process = app.start("run", "--tag", "slow", *argv)
    app.wait_for(process, "Smoke check...")
    return process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_restores_what_served(app: ProcessApp, number: signal.Signals, code: int) -> None:
    """SIGTERM and SIGINT in the health check bring back what served, say so, and exit 143 and 130."""
    app.deploy("a")
    process = checking(app)
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == code, out
    assert f"Restoring after {number.name}" in out
    assert "health check failure" not in out
    assert app.serves("a")


def test_a_second_sigint_that_is_not_from_a_terminal_hurries_nothing(app: ProcessApp) -> None:
    """SIGINT, then SIGTERM, as CI sends them, mean the same stop: what served comes back, exit 130."""
    app.deploy("a")
    process = checking(app)
    for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM):
        process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert app.serves("a")


def test_sighup_is_ignored(app: ProcessApp) -> None:
    """A terminal that goes away does not stop a deploy."""
    app.release("a", delay=1)
    process = app.start("run", "--tag", "a")
    app.wait_for(process, "Smoke check...")
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert app.version() == "a"


def test_a_second_run_is_refused_while_one_runs(app: ProcessApp) -> None:
    """A run while another runs exits 75, names pid, user and since, and is refused as JSON too."""
    process = checking(app)
    refused = app.deploykit("run", "--tag", "slow")
    assert refused.returncode == 75
    assert f"pid {process.pid}" in refused.stderr
    assert "since 20" in refused.stderr
    (said,) = app.deploykit("run", "--tag", "slow", "--json").stdout.splitlines()
    assert said.startswith('{"event": "deployment.refused", "exit_code": 75, "error": "another deployment')


def test_lock_wait_waits_its_turn(app: ProcessApp) -> None:
    """With --lock-wait a run waits for the one that runs, and is then carried out."""
    app.configure(attempts=40)
    app.release("a", delay=2)
    app.release("b")
    first = app.start("run", "--tag", "a")
    app.wait_for(first, "Smoke check...")
    second = app.deploykit("run", "--tag", "b", "--lock-wait", "50")
    assert (first.wait(timeout=30), second.returncode) == (0, 0)
    assert app.version() == "b"


def test_a_signal_while_waiting_for_the_lock_begins_nothing(app: ProcessApp) -> None:
    """SIGTERM while a run waits its turn ends it with 143, and leaves no row."""
    app.deploy("a")
    checking(app)
    waiting = app.start("run", "--tag", "a", "--lock-wait", "50")
    assert not until(lambda: waiting.poll() is not None, within=2)
    waiting.send_signal(signal.SIGTERM)
    _, err = waiting.communicate(timeout=30)
    assert waiting.returncode == 143
    assert "nothing was touched" in err
    assert len(app.json("history")) == 2


def test_abort_from_another_shell_restores(app: ProcessApp) -> None:
    """`abort` stops the running deploy, waits until what served serves again, and exits 0."""
    app.deploy("a")
    process = checking(app)
    aborted = app.deploykit("abort")
    assert aborted.returncode == 0, aborted.stdout + aborted.stderr
    assert app.version() == "a"
    assert process.wait(timeout=30) == 143


def test_abort_of_nothing_exits_0(app: ProcessApp) -> None:
    """`abort` when nothing runs says so, and exits 0."""
    app.deploy("a")
    done = app.deploykit("abort")
    assert (done.returncode, deploy_lines(done.stdout)) == (0, ["Nothing runs that could be aborted"])


def test_status_shows_who_holds_the_lock(app: ProcessApp) -> None:
    """While a deploy runs, `status --json` names its candidate and the holder of the lock."""
    app.deploy("a")
    process = checking(app)
    status = app.json("status")
    assert status["lock"]["pid"] == process.pid
    assert status["lock"]["doing"].startswith("deploy")
    assert status["candidate"]["tag"] == "slow"


@pytest.mark.parametrize("verb", ["recover", "rollback", "run"])
def test_what_a_killed_run_left_is_finished_first(app: ProcessApp, verb: str) -> None:
    """After a SIGKILL in the health check the next command finishes that deploy, and says so."""
    app.deploy("a")
    process = checking(app)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert app.deploykit("status").returncode == 1
    app.configure(attempts=4)
    done = app.deploykit(verb, *(["--tag", "a"] if verb == "run" else []))
    assert "Finishing r2, a deploy of example.org/shop/web:slow that was killed in checking" in done.stdout
    assert done.returncode == {"recover": 1, "rollback": 0, "run": 0}[verb]
    assert app.version() == "a"
    assert app.deploykit("status").returncode == 0


def test_recover_has_nothing_to_do(app: ProcessApp) -> None:
    """`recover` after an undisturbed deploy exits 0."""
    app.deploy("a")
    assert app.deploykit("recover").returncode == 0


def test_rollback_abort_is_done_when_the_abort_has_gone_back(app: ProcessApp) -> None:
    """`rollback --abort` stops a running deploy; when that brings back what served, nothing older is brought."""
    app.deploy("a", "b")
    process = checking(app)
    done = app.deploykit("rollback", "--abort")
    assert (done.returncode, process.wait(timeout=30)) == (0, 143)
    assert app.version() == "b"


def test_rollback_abort_without_a_deploy_rolls_back(app: ProcessApp) -> None:
    """`rollback --abort` when nothing runs is a rollback."""
    app.deploy("a", "b")
    assert app.deploykit("rollback", "--abort").returncode == 0
    assert app.version() == "a"


def test_a_second_ctrl_c_at_a_terminal_hurries(app: ProcessApp) -> None:
    """The first Ctrl-C restores; a second one leaves that to `recover`, with exit 3."""
    app.release("a", delay=4)
    app.configure(attempts=60)
    assert app.deploykit("run", "--tag", "a").returncode == 0
    app.release("slow", delay=60)
    with Terminal(app, "run", "--tag", "slow") as terminal:
        app.wait_for(terminal.process, "Smoke check...")
        terminal.type(b"\x03")
        app.wait_for(terminal.process, "Rolling back to")
        terminal.type(b"\x03")
        assert terminal.process.wait(timeout=30) == 3
        assert "deploykit recover" in terminal.shown()
    recovered = app.deploykit("recover")
    assert recovered.returncode in {1, 130}
    assert app.version() == "a"


def test_an_abort_that_finishes_a_killed_run_can_be_stopped(app: ProcessApp) -> None:
    """SIGTERM to an `abort` that goes on with a killed deploy restores what served; nothing is left half-way."""
    app.deploy("a")
    process = checking(app)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    aborting = app.start("abort")
    app.wait_for(aborting, "Finishing r2")
    aborting.terminate()
    out, _ = aborting.communicate(timeout=30)
    assert (aborting.returncode, app.version()) == (0, "a"), out
    assert app.deploykit("status").returncode == 0


def open_files(pid: int) -> Iterator[tuple[int, Path]]:
    """Yield the open descriptors of a process, with what they lead to; some are closed while one looks."""
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            yield int(one.name), one.readlink()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are looked up in /proc")
def test_the_lock_outlives_a_start_without_standard_streams(app: ProcessApp) -> None:
    """With stdin, stdout and stderr closed the lock has a descriptor of its own, which engine commands can inherit."""
    app.configure(attempts=60)
    app.release("slow", delay=60)
    command = [sys.executable, "-m", "deploykit", "run", "--tag", "slow"]
    process = subprocess.Popen(command, cwd=app.folder, env=clean(), preexec_fn=lambda: os.closerange(0, 3))
    try:
        assert until(lambda: app.json("status")["state"] == "checking", within=20)
        held = [number for number, path in open_files(process.pid) if path.name == "lock"]
        assert held
        assert min(held) > 2
    finally:
        process.terminate()
        process.wait(timeout=30)
