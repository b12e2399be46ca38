"""What the engine's tests run without starting a Python anew is a program of its own all the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scripts.commands import until
from tests.engine.support import forked

if TYPE_CHECKING:
    from collections.abc import Sequence

LONG = 30.0


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def says_where_it_is(argv: Sequence[str]) -> int:
    """Tell what a program can see of its surroundings."""
    say(*argv, Path.cwd(), dict(os.environ), os.getsid(0) == os.getpid(), sys.stdin.read() == "")
    sys.stderr.write("a complaint\n")
    return 3


def says_who_it_is(_: Sequence[str]) -> int:
    say(os.getpid())
    return 0


def kills_itself(_: Sequence[str]) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def hangs_with_a_child(_: Sequence[str]) -> int:
    child = subprocess.Popen(["sleep", str(LONG)])
    say(child.pid)
    return child.wait()


def goes_before_its_child(_: Sequence[str]) -> int:
    child = subprocess.Popen(["sleep", str(LONG)])
    say(child.pid)
    child.returncode = 0  # nobody warns that it still runs
    return 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where programs run; what they write is kept beside it."""
    folder = tmp_path / "app"
    folder.mkdir()
    return folder


def test_it_has_a_folder_a_session_and_variables_of_its_own(folder: Path) -> None:
    done = forked.run(says_where_it_is, ["a", "b c"], folder=folder, env={"ONLY": "this"}, timeout=LONG)

    assert (done.returncode, done.stdout) == (3, f"a b c {folder} {{'ONLY': 'this'}} True True\n")
    assert done.stderr == "a complaint\n"
    assert not list(folder.iterdir())


def test_each_is_a_process_of_its_own(folder: Path) -> None:
    said = {forked.run(says_who_it_is, [], folder=folder, env={}, timeout=LONG).stdout for _ in range(2)}

    assert len(said | {f"{os.getpid()}\n"}) == 3


def test_its_death_is_told(folder: Path) -> None:
    assert forked.run(kills_itself, [], folder=folder, env={}, timeout=LONG).returncode == -signal.SIGKILL


def test_one_that_takes_too_long_is_killed_with_its_children(folder: Path) -> None:
    with pytest.raises(AssertionError, match=r"took more than 2 s.*stdout='\d+") as failed:
        forked.run(hangs_with_a_child, [], folder=folder, env=dict(os.environ), timeout=2)

    child = int(str(failed.value).partition("stdout='")[2].partition("\\")[0])
    assert until(lambda: not _runs(child), within=5)


def test_what_it_leaves_behind_is_not_waited_for(folder: Path) -> None:
    done = forked.run(goes_before_its_child, [], folder=folder, env=dict(os.environ), timeout=LONG)

    assert (done.returncode, _runs(int(done.stdout))) == (0, True)
    os.kill(int(done.stdout), signal.SIGKILL)


def _runs(process: int) -> bool:
    """Whether it still does anything; that nobody has asked yet how it ended does not count."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
