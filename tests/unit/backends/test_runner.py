"""The door to other programs."""

import os
import select
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from deploykit.backends.engine.runner import Command, TimedOut, run
from deploykit.errors import EngineUnreachable, Interrupted
from deploykit.interrupt import Cause, Interruption
from deploykit.protocols import Control

ENVIRONMENT = {"PATH": os.environ["PATH"]}
HANG = "import time; print(__import__('os').getpid(), flush=True); time.sleep(60)"


def python(code: str, *, timeout: float = 10, changes: bool = False, **environment: str) -> Command:
    return Command((sys.executable, "-c", code), timeout, {**ENVIRONMENT, **environment}, changes=changes)


def hanging_with_child(pids: Path) -> str:
    """Return a program that starts a child, writes both pids, ignores SIGTERM, and hangs."""
    return f"""
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open({str(pids)!r}, "w").write(f"{{os.getpid()}} {{child.pid}}")
print("ready", flush=True)
time.sleep(60)
"""


def open_descriptors() -> set[str]:
    return {one.name for one in Path("/proc/self/fd").iterdir()}


def ends(pid: int, within: float) -> bool:
    """Wait until the process has ended, for at most that many seconds."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], within)[0])
    finally:
        os.close(descriptor)


def gone(pids: Path) -> bool:
    return all(ends(int(pid), within=2) for pid in pids.read_text().split())


def test_one_that_ends_before_it_has_read_is_judged_by_its_code() -> None:
    """What it could not be given any more is no error of ours."""
    refuses = python("import sys; sys.stdin.close(); sys.exit('no such option')")
    done = run(replace(refuses, input=b"x" * (1 << 20)))

    assert (done.code, done.errors) == (1, b"no such option\n")


def test_it_returns_code_and_both_streams() -> None:
    """A command's exit code, output and errors come back apart."""
    done = run(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"))

    assert (done.code, done.text, done.errors) == (3, "out\n", b"err\n")


def test_it_gets_nothing_but_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables of this process do not reach the command."""
    monkeypatch.setenv("CANARY", "1")

    done = run(python("import os; print('CANARY' in os.environ, os.environ['GIVEN'])", GIVEN="yes"))

    assert done.text == "False yes\n"


def test_lines_are_told_as_they_come() -> None:
    """Each line of either stream goes to progress, without its line end."""
    told: list[str] = []

    run(python("import sys; print('a'); print('b', file=sys.stderr); print()"), Control(progress=told.append))

    assert sorted(told) == ["a", "b"]


def test_input_is_written() -> None:
    """What the command is to read it reads, to its end."""
    command = Command((sys.executable, "-c", "print(len(input()))"), 10, ENVIRONMENT, b"x" * 5000)

    assert run(command).text == "5000\n"


def test_input_that_nobody_reads_is_no_error_of_ours() -> None:
    """The command has ended, and says why: its code and its words are told."""
    code = "import os, sys; os.write(2, b'no such option'); os._exit(125)"
    done = run(Command((sys.executable, "-c", code), 10, ENVIRONMENT, b"x" * 1_000_000))
    assert (done.code, done.errors) == (125, b"no such option")


def test_a_command_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    """TimedOut, and neither the command nor what it started lives on, though it ignores SIGTERM."""
    with pytest.raises(TimedOut):
        run(python(hanging_with_child(tmp_path / "pids"), timeout=0.7))

    assert gone(tmp_path / "pids")


def test_an_interrupt_ends_a_command_and_its_children(tmp_path: Path) -> None:
    """Interrupted, and nothing is left of it."""
    interruption = Interruption()

    def told(_: str) -> None:
        interruption.request(Cause.sigterm)

    with pytest.raises(Interrupted):
        run(python(hanging_with_child(tmp_path / "pids")), Control(interruption, progress=told))

    assert gone(tmp_path / "pids")


def test_a_change_is_not_cut() -> None:
    """A command that changes what serves runs to its end, whoever asks to stop."""
    interruption = Interruption()
    interruption.request(Cause.sigint)

    done = run(python("print('done')", changes=True), Control(interruption))

    assert done.text == "done\n"


def test_only_a_change_inherits_the_lock() -> None:
    """The lock's descriptor is open in commands that change what serves, and in no other."""
    reader, writer = os.pipe()
    code = f"import os\ntry: os.fstat({writer}); print('open')\nexcept OSError: print('closed')"
    control = Control(inherit=(writer,))
    try:
        assert run(python(code, changes=True), control).text == "open\n"
        assert run(python(code), control).text == "closed\n"
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize(("changes", "survives"), [(True, True), (False, False)])
def test_what_outlives_a_killed_deploykit(*, changes: bool, survives: bool) -> None:
    """After a SIGKILL, of the process group too, a change goes on, and any other command dies with its parent."""
    reader, writer = os.pipe()
    code = f"""
import os, sys
from deploykit.backends.engine.runner import Command, run
from deploykit.protocols import Control
command = Command((sys.executable, "-c", {HANG!r}), 60, dict(os.environ), changes={changes})
run(command, Control(inherit=({writer},), progress=lambda line: print(line, flush=True)))
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=(writer,),
        text=True,
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    os.killpg(parent.pid, signal.SIGKILL)
    parent.communicate()
    try:
        assert ends(pid, within=0.5 if survives else 5) is not survives
    finally:
        os.close(reader)
        os.close(writer)
        if survives:
            os.kill(pid, signal.SIGKILL)


def test_a_program_that_is_not_there() -> None:
    """It is told as an engine that cannot be reached, with the program's name."""
    with pytest.raises(EngineUnreachable, match="no-such-program"):
        run(Command(("no-such-program",), 1, ENVIRONMENT))


def test_commands_can_be_cut_from_another_thread() -> None:
    """A request from elsewhere ends a command that would hang."""
    interruption = Interruption()
    timer = threading.Timer(0.2, interruption.request, [Cause.sigterm])
    timer.start()

    with pytest.raises(Interrupted):
        run(python(HANG), Control(interruption))
    timer.join()


def test_much_output_is_bounded() -> None:
    """Of a stream that does not end, the last MiB is kept."""
    done = run(python("import sys\nfor _ in range(40): sys.stdout.write('x' * 65536)\nprint('end')"))

    assert len(done.output) == 1024 * 1024
    assert done.text.endswith("end\n")


def test_at_a_terminal_of_its_own() -> None:
    """A command that tells more there does; each piece of text between what steers it is a line."""
    code = r"import sys; print(sys.stdout.isatty()); print('\x1b[1A\x1b[2K\rone: 1MB/2MB\r\x1b[1Btwo', end='')"
    told: list[str] = []
    done = run(replace(python(code), terminal=True), Control(progress=told.append))
    assert told == ["True", "one: 1MB/2MB", "two"]
    assert (done.code, done.errors) == (0, b"")
    assert run(python("import sys; print(sys.stdout.isatty())")).text == "False\n"


def test_without_a_terminal_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe will do."""

    def none() -> tuple[int, int]:
        raise OSError(2, "no /dev/ptmx")

    monkeypatch.setattr(os, "openpty", none)
    assert run(replace(python("print('here')"), terminal=True)).text == "here\n"


def test_a_program_that_is_not_there_leaves_no_terminal_open() -> None:
    """Nor anything else."""
    before = open_descriptors()
    with pytest.raises(EngineUnreachable):
        run(Command(("/nowhere/docker",), 1, {}, terminal=True))
    assert open_descriptors() == before
