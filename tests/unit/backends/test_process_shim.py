"""The shim: nothing that happens to deploykit, or to the shim, makes an instance double or unknown."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from deploykit.backends.process import ending, launch, shim
from deploykit.backends.process.living import wait_for_end
from deploykit.errors import StepFailed
from deploykit.processes import start_time
from deploykit.protocols import Control
from deploykit.release import Release
from tests.unit.backends.test_process_stage import WAIT, Stage, eventually, exit_of, ready, staged

# Signals 32 and 33 are the C library's own: it blocks them by itself for a moment, and lets nobody else set them.
_C_LIBRARY = 0b11 << 31
STARTER = """
import fcntl, json, os, signal, sys
from pathlib import Path
from deploykit.backends.process import ProcessBackend
from deploykit.protocols import Control
from deploykit.release import ImageRef, Release


base, points = Path(sys.argv[1]), int(sys.argv[2])
parts = json.loads(sys.argv[3])
state = base / ".deploykit"
backend = ProcessBackend(
    name="app", base=base, state=state, command=["sh", "run.sh"]
)
image = backend.find(ImageRef("example/app", "v2"))
lock = os.open(base / "lock", os.O_RDWR | os.O_CREAT)
fcntl.flock(lock, fcntl.LOCK_EX)
passed = 0

def profile(frame, event, argument):
    global passed
    passed += 1
    if passed == points:
        os.kill(os.getpid(), signal.SIGKILL)

sys.setprofile(profile)
backend.start(Release("r2", image, parts), Control(inherit=(lock,)))
sys.setprofile(None)
if points > 0:  # a way with less waiting in it than the one that was counted
    os.kill(os.getpid(), signal.SIGKILL)
print(passed, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path) as stage:
        yield stage


@contextmanager
def starter(stage: Stage, release: Release, kill_at: int = -1) -> Iterator[subprocess.Popen[str]]:
    """Start a release from another process, which is killed at the given point of its way."""
    argv = [sys.executable, "-c", STARTER, str(stage.base), str(kill_at), json.dumps(dict(release.parts))]
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True, cwd="/"
    )
    with process:
        yield process


def at_work(stage: Stage) -> set[int]:
    """Return the processes that work in the content of a release of the stage."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            if path.readlink().is_relative_to(stage.state):
                found.add(int(path.parent.name))
    return found


@contextmanager
def locked(stage: Stage) -> Iterator[int]:
    """Wait for the lock, as the deployment that comes next does."""
    descriptor = os.open(stage.base / "lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def is_free(stage: Stage) -> bool:
    descriptor = os.open(stage.base / "lock", os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> int:
    """Count the points, calls and returns, that a start passes on its way."""
    with staged(tmp_path_factory.mktemp("whole")) as stage:
        stage.started(stage.backend(), "v1")
        with starter(stage, stage.release(stage.backend(), "v2", "exec sleep 301")) as process:
            return int(process.communicate()[0])


@pytest.mark.parametrize("part", range(16))
def test_a_killed_start_is_completed_by_the_next(stage: Stage, points: int, part: int) -> None:
    """Wherever a start is killed, what runs once the lock is free is on record; the next start leaves one instance."""
    backend = stage.backend()
    stage.started(backend, "v1")
    second = stage.release(backend, "v2", "exec sleep 301")
    with starter(stage, second, kill_at=1 + points * part // 16) as process:
        assert process.wait(WAIT) == -signal.SIGKILL
    with locked(stage) as lock:
        assert at_work(stage) <= {entry.process.pid for entry in stage.records.all()}
        backend.start(second, Control(inherit=(lock,)))
    (instance,) = backend.instances(second)
    assert instance.alive
    eventually(backend, second, lambda: at_work(stage) == {stage.entry(second).process.pid})
    assert [entry.id for entry in stage.records.all() if entry.present] == [instance.id]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_an_instance_outlives_deploykit(stage: Stage, number: signal.Signals) -> None:
    """No signal to deploykit's process group ends the shim or the app."""
    backend = stage.backend()
    stage.started(backend, "v1")
    second = stage.release(backend, "v2", "exec sleep 301")
    with starter(stage, second) as process:
        assert process.stdout
        assert process.stdout.readline()
        os.killpg(process.pid, number)
    entry = stage.entry(second)
    assert entry.alive
    assert entry.shim.alive


def test_the_lock_is_held_until_the_start_is_on_record(stage: Stage) -> None:
    """A shim holds the lock before it has started anything, and neither it nor the app holds it after."""
    backend = stage.backend()
    release = stage.release(backend, "v1")
    with locked(stage) as descriptor:
        waiting = launch.Shim((descriptor,))
    with waiting:
        assert not is_free(stage)
    assert is_free(stage)
    with locked(stage) as descriptor:
        backend.start(release, Control(inherit=(descriptor,)))
    assert is_free(stage)
    assert stage.entry(release).alive


def test_the_app_inherits_nothing_but_its_streams(stage: Stage) -> None:
    """The app has no descriptor of ours, and no signal is ignored or blocked for it."""
    backend = stage.backend()
    release = stage.release(backend, "v1", "grep -E 'Sig(Ign|Blk)' /proc/self/status; echo ready; exec sleep 300")
    with locked(stage) as descriptor:
        backend.start(release, Control(inherit=(descriptor,)))
    ready(backend, release)
    pid = stage.entry(release).process.pid
    eventually(backend, release, lambda: {path.name for path in Path(f"/proc/{pid}/fd").iterdir()} == {"0", "1", "2"})
    masks = [line.split()[1] for line in backend.logs(release, 10).splitlines() if line.startswith("Sig")]
    assert [int(mask, 16) & ~_C_LIBRARY for mask in masks] == [0, 0]


def test_secrets_are_not_in_arguments(stage: Stage) -> None:
    """The environment is in nobody's arguments, and in no record."""
    backend = stage.backend(environment={"DB_PASSWORD": "open-sesame"})
    release = stage.started(backend, "v1")
    ready(backend, release)
    entry = stage.entry(release)
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            assert b"open-sesame" not in path.read_bytes()
    assert "open-sesame" in Path(f"/proc/{entry.process.pid}/environ").read_text()
    assert "open-sesame" not in stage.records.path(entry.id).read_text()
    assert stage.records.path(entry.id).stat().st_mode & 0o077 == 0
    assert stage.records.log(entry.id).stat().st_mode & 0o077 == 0


def test_no_zombies(stage: Stage) -> None:
    """The process that uses the library is left no children, dead or alive."""
    backend, before = stage.backend(), children()
    stage.started(backend, "v1")
    last = stage.started(backend, "v2", "exit 3")
    exit_of(backend, last)
    backend.promote(Release("r90", last.image), Control())
    assert children() <= before


def children() -> set[int]:
    """Those of this process, which has some where tests on an engine went before."""
    return {row[0] for row in shim.table() if row[1] == os.getpid()}


def test_orphans_of_the_app_leave_no_zombies(stage: Stage) -> None:
    """A process that the app has lost sight of is reaped when it ends."""
    backend = stage.backend()
    release = stage.started(backend, "v1", "sh -c 'sleep 0.05 & echo $!'; exec sleep 300")
    eventually(backend, release, lambda: bool(backend.logs(release, 5)))
    orphan = int(backend.logs(release, 5))
    eventually(backend, release, lambda: not Path(f"/proc/{orphan}").exists())
    assert stage.entry(release).alive


@pytest.mark.parametrize(("script", "code"), [("", 143), ("trap 'exit 7' TERM;", 7), ("trap '' TERM;", 137)])
def test_sigterm_to_the_shim_ends_the_app(stage: Stage, script: str, code: int) -> None:
    """Whoever ends the shim, as a shutdown does, ends the app with its grace, and its exit is on record."""
    backend = stage.backend(stop_grace=0.2)
    release = stage.started(backend, "v1", f"{script} echo ready; while :; do sleep 0.01; done")
    ready(backend, release)
    stage.entry(release).shim.send(signal.SIGTERM)
    assert exit_of(backend, release).exit_code == code


def test_an_instance_outlives_its_shim(stage: Stage) -> None:
    """Without its shim an instance is found, watched and ended; only its exit code is not known."""
    backend = stage.backend()
    release = stage.started(backend, "v1")
    kill_shim(stage, release)
    assert backend.running()
    backend.start(release, Control())
    (instance,) = backend.instances(release)
    assert instance.alive
    os.kill(stage.entry(release).process.pid, signal.SIGKILL)
    assert exit_of(backend, release).exit_code is None
    assert backend.running() is None


def kill_shim(stage: Stage, release: Release) -> None:
    supervisor = stage.entry(release).shim
    supervisor.send(signal.SIGKILL)
    wait_for_end([supervisor], WAIT)
    assert not supervisor.alive


FAMILY = """
sh -c '{trap}; echo $$ >{base}/child; while :; do sleep 0.01; done' &
while ! [ -s {base}/child ]; do sleep 0.01; done
{trap_too}
echo ready
while :; do sleep 0.01; done
"""


@pytest.mark.parametrize("trap", [":", "trap '' TERM"])
@pytest.mark.parametrize("trap_too", [":", "trap '' TERM"])
def test_without_its_shim_a_family_is_ended(stage: Stage, trap: str, trap_too: str) -> None:
    """Without a shim too, main process and children are asked to end, and killed after the grace."""
    backend = stage.backend(stop_grace=0.2)
    release = stage.started(backend, "v1", FAMILY.format(base=stage.base, trap=trap, trap_too=trap_too))
    ready(backend, release)
    kill_shim(stage, release)
    second = stage.started(backend, "v2")
    eventually(backend, second, lambda: at_work(stage) == {stage.entry(second).process.pid})


def test_a_shim_that_hangs_does_not_hold_up_a_start(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shim that does nothing any more is killed, and its instance is ended without it."""
    monkeypatch.setattr(ending, "PATIENCE", 0.1)
    backend = stage.backend(stop_grace=0.2)
    release = stage.started(backend, "v1")
    stuck = stage.entry(release).shim
    stuck.send(signal.SIGSTOP)
    second = stage.started(backend, "v2")
    assert not stuck.alive
    eventually(backend, second, lambda: at_work(stage) == {stage.entry(second).process.pid})


def test_a_shim_that_hangs_at_the_start(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A start that does not get on record in time fails, and leaves nothing that could start later."""
    hanging = tmp_path_factory.mktemp("shim") / "shim.py"
    hanging.write_text("import os, sys, time\nsys.stdin.read()\nos.fork()\ntime.sleep(300)\n")
    monkeypatch.setattr(launch, "START_WAIT", 0.2)
    monkeypatch.setattr(shim, "__file__", str(hanging))
    backend, before = stage.backend(), children()
    with pytest.raises(StepFailed, match=r"within 0\.2s"):
        stage.started(backend, "v1")
    assert children() <= before


def test_shim_and_library_name_a_process_alike() -> None:
    """Both tell the same start of a process, and none for one that is not there."""
    assert shim.start_time(os.getpid()) == start_time(os.getpid())
    ended = subprocess.Popen(["true"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert shim.start_time(ended.pid) is None
    ended.wait()
    assert shim.start_time(ended.pid) is None


def test_without_proc_ps_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no /proc, ps tells starts, parents and groups."""
    expected = {row[:3] for row in shim.table() if row[0] == os.getpid()}
    monkeypatch.setattr(sys, "platform", "darwin")
    assert shim.start_time(os.getpid())
    assert shim.start_time(2**22 + 1) is None
    assert {row[:3] for row in shim.table() if row[0] == os.getpid()} == expected
    assert os.getpid() in shim.members(os.getpgrp())
