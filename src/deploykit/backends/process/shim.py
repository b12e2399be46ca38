"""Runs one command for the process backend, outlives deploykit, and keeps on record how the command fares.

Started as a script, without site-packages, so it imports nothing of ours. Its stdin is a `Spec`, never its arguments,
which everybody can read. It detaches, and its first process ends with 0 as soon as the start is on record. The command
waits for that too: nothing ever runs that is not on record. SIGTERM stops the command, as stopping it does anywhere:
the whole process group is asked to end, and what is left after the grace is killed. What the command leaves behind
when it ends by itself is killed at once, as it is in a container.
"""

import contextlib
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable

HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
# Python ignores the last two; all may have been ignored by whoever started deploykit.
DEFAULTS = (*HANDLED, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE, signal.SIGXFSZ)
CANNOT_RUN = 127
BEAT = 0.02
GIVE_UP = 5.0
SET_CHILD_SUBREAPER = 36


class Spec:
    """What to run, and how to keep it on record. The record at `path` gets pids, times and the exit added."""

    def __init__(
        self,
        *,
        argv: list[str],
        environment: dict[str, str],
        directory: str,
        log: str,
        path: str,
        record: dict[str, object],
        grace: float,
        inherit: list[int],
    ) -> None:
        self.argv = argv
        self.environment = environment
        self.directory = directory
        self.log = log
        self.path = path
        self.record = record
        self.grace = grace
        self.inherit = inherit


class Keeper:
    """Looks after the command until nothing of it is left."""

    def __init__(self, spec: Spec, leader: int) -> None:
        self.spec = spec
        self.leader = leader
        self.exited: bool = False
        self.deadline: float | None = None
        self.asked: set[int] = set()

    def record(self) -> None:
        """Put the start on record."""
        me = os.getpid()
        self.spec.record.update(pid=self.leader, start=start_time(self.leader), shim_pid=me, shim_start=start_time(me))
        self.spec.record.update(started_at=time.time())
        save(self.spec.path, self.spec.record)

    def tend(self, wake: int) -> None:
        """Forward signals, put the exit on record, and end what is left."""
        while not self.over():
            if signals(wake, self.pause()) & {signal.SIGTERM, signal.SIGINT}:
                self.stop()
            self.look()

    def over(self) -> bool:
        """Whether nothing is left to do; ends what is due."""
        if not self.exited and self.overdue < 0:
            return False
        left = members(self.leader, os.getpid())
        send(*(left, signal.SIGKILL) if self.overdue >= 0 else (left - self.asked, signal.SIGTERM))
        self.asked |= left
        return self.exited and (not left or self.overdue > GIVE_UP)

    @property
    def overdue(self) -> float:
        return -1.0 if self.deadline is None else time.monotonic() - self.deadline

    def pause(self) -> float | None:
        """Seconds until there is something to do, if no signal comes; None for never."""
        if self.deadline is None:
            return None
        return BEAT if self.exited else max(self.deadline - time.monotonic(), BEAT)

    def stop(self) -> None:
        """Ask the command to end."""
        if self.deadline is None:
            self.deadline = time.monotonic() + self.spec.grace
        with contextlib.suppress(PermissionError):
            os.killpg(self.leader, signal.SIGTERM)
        self.asked = members(self.leader)

    def look(self) -> None:
        """Notice ends. The leader stays a zombie: so nobody else gets its number while we signal its group."""
        end = os.waitid(os.P_PID, self.leader, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if self.exited or end is None:
            reap(self.leader)
            return
        self.exited = True
        killed = end.si_code != os.CLD_EXITED
        self.spec.record.update(exit_code=end.si_status + 128 * killed, signal=end.si_status if killed else None)
        with contextlib.suppress(OSError):  # a full disk: then its exit code is not known, and that is all
            save(self.spec.path, {**self.spec.record, "finished_at": time.time()})
        self.deadline = self.deadline or time.monotonic()


def main() -> None:
    """Detach, run what stdin says, and keep it on record."""
    adopt = subreaper()
    spec = Spec(**json.load(sys.stdin))
    told, tell = os.pipe()
    if os.fork():
        os.close(tell)
        os._exit(0 if os.read(told, 1) else 1)
    adopt()
    wake = wakeups()
    leader, key = fork(spec)
    keeper = Keeper(spec, leader)
    keeper.record()
    for descriptor in spec.inherit:
        os.close(descriptor)
    for descriptor in (key, tell):
        os.write(descriptor, b"1")
        os.close(descriptor)
    silence()
    keeper.tend(wake)
    os.waitpid(leader, 0)
    os._exit(0)  # the next start waits for this end


def fork(spec: Spec) -> tuple[int, int]:
    """Return the process that will be the command, and the descriptor which it waits for a byte from."""
    gate, key = os.pipe()
    # Blocked until the new process has its own handling of them, so that a stop in between is not lost.
    signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
    pid = os.fork()
    if not pid:
        os.close(key)
        become(spec, gate)
    os.close(gate)
    os.setpgid(pid, pid)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    return pid, key


def become(spec: Spec, gate: int) -> None:
    """Turn this process into the command, once its start is on record."""
    try:
        for number in DEFAULTS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        for descriptor in spec.inherit:
            os.close(descriptor)
        silence()
        if os.read(gate, 1):
            log = os.open(spec.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.chdir(spec.directory)
            os.execvpe(spec.argv[0], spec.argv, spec.environment)  # noqa: S606 - no shell is what is wanted
    except (OSError, ValueError) as error:
        os.write(2, f"deploykit: cannot run {spec.argv[0]!r} in {spec.directory}: {error}\n".encode(errors="replace"))
    finally:
        os._exit(CANNOT_RUN)


def wakeups() -> int:
    """Return a descriptor that becomes readable with every signal."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in HANDLED:
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return reading


def signals(wake: int, pause: float | None) -> set[int]:
    """Return the signals that came within `pause` seconds."""
    select.select([wake], [], [], pause)
    try:
        return set(os.read(wake, 4096))
    except BlockingIOError:
        return set()


def silence() -> None:
    """Let go of the standard streams, which are deploykit's."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


def save(path: str, record: dict[str, object]) -> None:
    """Replace the record as one."""
    fresh = f"{path}.new"
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(record, file)
    os.replace(fresh, path)  # noqa: PTH105 - importing pathlib takes longer than all else here


def send(pids: set[int], number: int) -> None:
    """Send a signal to processes that were there just now."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def subreaper() -> Callable[[], object]:
    """Return what makes this process the parent of descendants that lose theirs, so that they are found (Linux)."""
    try:
        import ctypes

        libc = ctypes.CDLL(None)
        return lambda: libc.prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        return lambda: None


def start_time(pid: int) -> str | None:
    """Return the same as `deploykit.processes.start_time`."""
    if sys.platform != "linux":
        return ps("-o", "lstart=", "-p", str(pid)).strip() or None
    try:
        fields = stat(pid)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else f"{fields[19]}@{read('/proc/sys/kernel/random/boot_id').strip()}"


def stat(pid: int | str) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on: then come parent and group; 19 is the start."""
    return read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def table() -> list[tuple[int, int, int, str]]:
    """Return pid, parent, group and state of every process."""
    if sys.platform != "linux":
        rows = [line.split() for line in ps("-A", "-o", "pid=,ppid=,pgid=,stat=").splitlines()]
    else:
        rows = []
        for one in os.scandir("/proc"):
            if one.name.isdigit():
                with contextlib.suppress(OSError):
                    state, parent, group = stat(one.name)[:3]
                    rows.append([one.name, parent, group, state])
    return [(int(pid), int(parent), int(group), state[0]) for pid, parent, group, state in rows]


def read(path: str) -> str:
    """Return a file's text."""
    with os.fdopen(os.open(path, os.O_RDONLY), errors="replace") as file:
        return file.read()


def ps(*arguments: str) -> str:
    """Ask ps, where there is no /proc."""
    import subprocess

    return subprocess.run(["ps", *arguments], stdout=subprocess.PIPE, text=True, check=False).stdout


def members(group: int, ancestor: int = 0) -> set[int]:
    """Return the living processes of a group, and those that descend from `ancestor`."""
    rows = table()
    family = {ancestor} if ancestor else set()
    while more := {pid for pid, parent, _, _ in rows if parent in family} - family:
        family |= more
    return {row[0] for row in rows if (row[2] == group or row[0] in family) and row[3] not in "ZX"} - {ancestor}


def reap(leader: int) -> None:
    """Let go of adopted processes that have ended; the leader is kept."""
    for pid, parent, _, state in table():
        if parent == os.getpid() and state == "Z" and pid != leader:
            os.waitpid(pid, os.WNOHANG)


if __name__ == "__main__":
    main()
