"""The lock: one at a time, freed by the kernel alone, held on by what a killed holder has left."""

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from deploykit.errors import Interrupted, Locked
from deploykit.interrupt import Cause, Interruption
from deploykit.lock import DEAD_HOLDER_WAIT, FileLock, whoami
from deploykit.processes import start_time
from deploykit.testing import ManualClock

HOLDER = """
import sys
from pathlib import Path
from deploykit.interrupt import Interruption
from deploykit.lock import FileLock
from deploykit.testing import ManualClock
with FileLock(Path(sys.argv[1]), ManualClock()).acquire("deploy web:one", 0, Interruption()) as held:
    {inside}
"""
HOLDS = "print('held', flush=True); sys.stdin.read(); print(held.abort_requested(), flush=True)"
LEAVES_A_COMMAND = """
    import subprocess
    command = subprocess.Popen(["cat"], stdin=0, stdout=subprocess.DEVNULL, pass_fds=held.inherit)
    print(command.pid, flush=True)
    command.wait()
"""


class Clock(ManualClock):
    """Does something once, when somebody has slept until then."""

    def __init__(self, at: float, do: Callable[[], object]) -> None:
        super().__init__()
        self.at, self.do = at, do

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if self.elapsed >= self.at:
            self.at = float("inf")
            self.do()


def lock(tmp_path: Path, clock: ManualClock | None = None) -> FileLock:
    return FileLock(tmp_path / "lock", clock or ManualClock())


@contextmanager
def process(code: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a holder, and lend it once it has said its first line, which is left to be read."""
    argv = [sys.executable, "-c", HOLDER.format(inside=code), str(path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()
            child.communicate()


def line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def named(path: Path, pid: int, started: str | None, since: float = 0.0) -> None:
    """Write a holder's name into the lock file, as that process would."""
    said = {"pid": pid, "by": "eve@ci", "since": since, "doing": "deploy web:one", "start_time": started}
    path.write_text(json.dumps(said))


@contextmanager
def flocked(path: Path, how: int = fcntl.LOCK_EX) -> Iterator[ExitStack]:
    """Have somebody else's descriptor hold the lock, until the stack that is lent is closed."""
    with ExitStack() as held:
        file = held.enter_context(path.open("a"))
        fcntl.flock(file, how)
        yield held


@contextmanager
def dead_holder(path: Path) -> Iterator[ExitStack]:
    """Have the last command of a process that is dead hold the lock, until the stack that is lent is closed."""
    dead = subprocess.Popen(["true"])
    dead.wait()
    with flocked(path) as held:
        named(path, dead.pid, "when it started")
        yield held


def test_a_free_lock_is_taken_at_once_and_freed_in_the_end(tmp_path: Path) -> None:
    """Nobody waits for a lock that nobody holds, and a lock that was held is free again."""
    clock = ManualClock()
    for _ in range(2):
        with lock(tmp_path, clock).acquire("deploy", 0, Interruption()):
            assert lock(tmp_path).holder()
        assert lock(tmp_path).holder() is None
    assert clock.elapsed == 0


def test_a_lock_that_was_never_taken_has_no_holder(tmp_path: Path) -> None:
    """Looking makes no file, and there is nobody to abort."""
    assert lock(tmp_path).holder() is None
    assert lock(tmp_path).request_abort() is False
    assert list(tmp_path.iterdir()) == []


def test_the_lock_is_freed_when_its_holder_raises(tmp_path: Path) -> None:
    """Also an error, or an interrupt, frees it."""
    with pytest.raises(Interrupted), lock(tmp_path).acquire("deploy", 0, Interruption()):
        raise Interrupted
    assert lock(tmp_path).holder() is None


def test_the_holder_names_itself(tmp_path: Path) -> None:
    """It says pid, user@host, since when, and what it does; the file is for its owner alone."""
    clock = ManualClock(epoch=1_000.0)
    clock.advance(5)
    with lock(tmp_path, clock).acquire("rollback one", 0, Interruption()):
        holder = lock(tmp_path).holder()
    assert holder
    assert (holder.pid, holder.by, holder.since, holder.doing) == (os.getpid(), whoami(), 1_005.0, "rollback one")
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600


def test_a_shorter_name_leaves_nothing_of_a_longer_one(tmp_path: Path) -> None:
    """The holder's name replaces the one before as a whole."""
    for doing in ("deploy " + "x" * 500, "recover"):
        with lock(tmp_path).acquire(doing, 0, Interruption()):
            holder = lock(tmp_path).holder()
            assert holder
            assert holder.doing == doing


def test_a_lock_that_a_living_process_holds_is_refused_with_its_name(tmp_path: Path) -> None:
    """75: it says pid, user, since and what, and both ways out."""
    with process(HOLDS, tmp_path / "lock") as child:
        line(child)
        with pytest.raises(Locked) as caught, lock(tmp_path).acquire("deploy", 0, Interruption()):
            pass
    assert caught.value.exit_code == 75
    said = str(caught.value)
    assert f"pid {child.pid}, {whoami()}, since 2023-11-14 22:13:20 UTC (deploy web:one)" in said
    assert "--lock-wait" in caught.value.hint
    assert "deploykit abort" in caught.value.hint


def test_a_living_holder_is_waited_for_as_long_as_was_asked(tmp_path: Path) -> None:
    """Not less, and not much more."""
    clock = ManualClock()
    taking = lock(tmp_path, clock).acquire("second", 30, Interruption())
    with lock(tmp_path).acquire("first", 0, Interruption()), pytest.raises(Locked), taking:
        pass
    assert 30 <= clock.elapsed < 31


def test_a_lock_that_is_freed_meanwhile_is_taken(tmp_path: Path) -> None:
    """A waiting one gets its turn soon after the holder has gone."""
    with ExitStack() as first:
        first.enter_context(lock(tmp_path).acquire("first", 0, Interruption()))
        clock = Clock(3, first.close)
        with lock(tmp_path, clock).acquire("second", 30, Interruption()):
            holder = lock(tmp_path).holder()
    assert holder
    assert holder.doing == "second"
    assert 3 <= clock.elapsed < 4


def test_an_interrupt_ends_the_wait(tmp_path: Path) -> None:
    """Told to stop while waiting, it stops, and nothing is taken."""
    interruption = Interruption()
    clock = Clock(3, lambda: interruption.request(Cause.sigint))
    taking = lock(tmp_path, clock).acquire("second", 3600, interruption)
    with lock(tmp_path).acquire("first", 0, Interruption()), pytest.raises(Interrupted), taking:
        pass
    assert clock.elapsed < 4


def test_the_last_command_of_a_dead_holder_is_waited_for_without_being_asked(tmp_path: Path) -> None:
    """The lock of a holder that was killed is taken as soon as its last command has ended."""
    with dead_holder(tmp_path / "lock") as command:
        clock = Clock(20, command.close)
        with lock(tmp_path, clock).acquire("recover", 0, Interruption()):
            assert 20 <= clock.elapsed < 21


def test_a_command_of_a_dead_holder_that_does_not_end_is_told(tmp_path: Path) -> None:
    """After 60 s it is Locked, and says that the deployment was killed."""
    clock = ManualClock()
    taking = lock(tmp_path, clock).acquire("recover", 0, Interruption())
    with dead_holder(tmp_path / "lock"), pytest.raises(Locked, match="last command of a killed deployment"), taking:
        pass
    assert DEAD_HOLDER_WAIT <= clock.elapsed < DEAD_HOLDER_WAIT + 1


def test_what_inherits_the_lock_holds_it_after_a_sigkill(tmp_path: Path) -> None:
    """A command that a killed deploykit leaves keeps the lock, under the dead holder's name, until it ends."""
    path = tmp_path / "lock"
    with process(LEAVES_A_COMMAND, path) as child:
        command = int(line(child))
        watched = os.pidfd_open(command)
        child.kill()
        child.wait()
        holder = lock(tmp_path).holder()
        assert holder
        assert holder.pid == child.pid
        os.kill(command, signal.SIGKILL)
        select.select([watched], [], [], 10)
        os.close(watched)
        assert lock(tmp_path).holder() is None


def test_a_command_that_outlives_its_deployment_holds_the_lock_on(tmp_path: Path) -> None:
    """Letting go of the lock leaves it to what inherited it."""
    with lock(tmp_path).acquire("first", 0, Interruption()) as held:
        command = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=held.inherit)
    assert lock(tmp_path).holder()
    command.communicate()
    assert lock(tmp_path).holder() is None


def test_a_pid_that_was_given_again_is_not_taken_for_the_holder(tmp_path: Path) -> None:
    """A living process with the pid, but another start time, is not the one that took the lock."""
    path = tmp_path / "lock"
    with lock(tmp_path).acquire("deploy", 0, Interruption()):
        named(path, os.getpid(), "before the reboot")
        assert lock(tmp_path).request_abort() is False
        named(path, os.getpid(), start_time(os.getpid()))
        assert lock(tmp_path).request_abort() is True


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"start_time": 1}', "7"])
def test_a_holder_that_has_not_named_itself_is_a_holder_all_the_same(tmp_path: Path, content: str) -> None:
    """Between taking the lock and writing the name there is a moment; nobody is aborted, or let in, on a guess."""
    with lock(tmp_path).acquire("deploy", 0, Interruption()):
        (tmp_path / "lock").write_text(content)
        assert lock(tmp_path).holder()
        assert lock(tmp_path).request_abort() is False
        with pytest.raises(Locked, match="another deployment"), lock(tmp_path).acquire("x", 0, Interruption()):
            pass


def test_somebody_who_only_looks_is_no_holder(tmp_path: Path) -> None:
    """A `status` that looks at the lock at that very moment does not make a deploy fail: 75 is for a holder."""
    with lock(tmp_path).acquire("first", 0, Interruption()):
        pass
    with flocked(tmp_path / "lock", fcntl.LOCK_SH) as look:
        taking = lock(tmp_path, Clock(0.1, look.close)).acquire("second", 0, Interruption())
        with taking:
            assert lock(tmp_path).holder()


def test_abort_reaches_the_holder_and_no_other(tmp_path: Path) -> None:
    """The process that holds the lock is told; one that takes it later is not."""
    with process(HOLDS, tmp_path / "lock") as child:
        line(child)
        assert lock(tmp_path).request_abort() is True
        out, _ = child.communicate("")
    assert out.strip() == "True"
    with lock(tmp_path).acquire("second", 0, Interruption()) as held:
        assert held.abort_requested() is False


def test_an_abort_that_came_too_late_is_forgotten(tmp_path: Path) -> None:
    """A request that its holder never saw does not stop the next deployment of the same process."""
    with lock(tmp_path).acquire("first", 0, Interruption()) as held:
        assert held.abort_requested() is False
        assert lock(tmp_path).request_abort() is True
        assert held.abort_requested() is True
    with lock(tmp_path).acquire("second", 0, Interruption()) as held:
        assert held.abort_requested() is False


def test_nobody_who_holds_nothing_can_be_aborted(tmp_path: Path) -> None:
    """False when the lock is free, though its file still names the last holder."""
    with lock(tmp_path).acquire("first", 0, Interruption()):
        pass
    assert lock(tmp_path).request_abort() is False
    assert not (tmp_path / "abort").exists()


def test_a_user_without_a_name_is_named_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container there may be no such user: the number will do."""

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert whoami().startswith(f"{os.getuid()}@")
