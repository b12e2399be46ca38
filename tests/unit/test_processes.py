"""Which process is which."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploykit.processes import start_time

NO_SUCH_PID = 2**22 + 1
"""More than the kernel gives."""


def ticks(started: str | None) -> int:
    assert started
    return int(started.partition("@")[0])


def test_a_process_has_one_start_time_for_all_its_life() -> None:
    """Asked again it is the same, and the process that asks is no other."""
    assert start_time(os.getpid()) == start_time(os.getpid())
    code = "from deploykit.processes import start_time; import os; print(start_time(os.getppid()))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == start_time(os.getpid())


def test_two_processes_do_not_share_it() -> None:
    """A child was started later than its parent."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        assert start_time(child.pid) not in {None, start_time(os.getpid())}
        child.communicate()


def test_it_names_the_boot() -> None:
    """A pid from before a reboot is never taken for one of now."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert str(start_time(os.getpid())).endswith(f"@{boot}")


def test_there_is_none_of_a_process_that_is_not_there() -> None:
    """Also of one that has ended and was waited for."""
    child = subprocess.Popen(["true"])
    child.wait()
    assert start_time(child.pid) is None
    assert start_time(NO_SUCH_PID) is None


def test_a_process_that_has_ended_is_gone_though_nobody_waited_for_it() -> None:
    """A zombie holds and does nothing."""
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    assert start_time(child.pid)
    assert child.stdin
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert start_time(child.pid) is None
    child.wait()


def test_a_name_with_brackets_and_blanks_does_no_harm(tmp_path: Path) -> None:
    """The kernel shows a program's name between brackets, whatever is in it."""
    program = tmp_path / "a) R (b"
    program.symlink_to("/bin/cat")
    with subprocess.Popen([program], stdin=subprocess.PIPE) as child:
        said = start_time(child.pid)
        child.communicate()
    assert ticks(said) >= ticks(start_time(os.getpid()))


def test_without_proc_it_is_asked_of_ps(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS: the text only compares, and there is none when there is no such process."""

    def missing(path: Path, *_: object, **__: object) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", missing)
    monkeypatch.setattr(Path, "exists", lambda path: False)
    assert start_time(os.getpid())
    assert start_time(os.getpid()) == start_time(os.getpid())
    assert start_time(NO_SUCH_PID) is None
