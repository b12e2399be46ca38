"""Hooks that are commands."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from deploykit.errors import Interrupted, StepFailed
from deploykit.hook_commands import SHOWN_LINES, HookCommands
from deploykit.hooks import Hook
from deploykit.interrupt import Cause, Interruption
from deploykit.protocols import Control


class Stage:
    """A folder, and what a hook wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shown: list[str] = []
        self.interruption = Interruption()

    def run(self, *argv: str, timeout: float = 10, **environment: str) -> None:
        hooks = HookCommands(
            commands={Hook.on_failure: argv},
            folder=self.folder,
            environment={"PATH": os.environ["PATH"], **environment},
            timeout=timeout,
        )
        control = Control(self.interruption, show=self.shown.append)
        hooks.run(Hook.on_failure, {"DEPLOYKIT_TAG": "two"}, control)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not alive(pid)


def test_it_runs_in_the_folder_of_the_config(stage: Stage) -> None:
    """With its variables; both streams are shown, the end without a line end too."""
    stage.run("sh", "-c", 'pwd; echo "$DEPLOYKIT_TAG $LEVEL"; echo broken >&2; printf "no line end"', LEVEL="info")
    assert sorted(stage.shown) == sorted([str(stage.folder), "two info", "broken", "no line end"])


def test_a_script_beside_the_config(stage: Stage) -> None:
    """A relative path starts at the config's folder."""
    script = stage.folder / "hook.sh"
    script.write_text("#!/bin/sh\necho here\n")
    script.chmod(0o700)
    stage.run("./hook.sh")
    assert stage.shown == ["here"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["sh", "-c", "exit 7"], "on_failure exited with code 7"),
        (["sh", "-c", "kill -9 $$"], "on_failure was ended by signal 9"),
        (["no-such-program"], "on_failure cannot be run: there is no program 'no-such-program'"),
        (["/"], "on_failure cannot be run: Permission denied"),
        (["sh", "nul\0"], "on_failure cannot be run: embedded null byte"),
    ],
)
def test_what_goes_wrong_is_told(stage: Stage, argv: list[str], message: str) -> None:
    """By the name of the hook, with what to mend."""
    with pytest.raises(StepFailed, match=message) as caught:
        stage.run(*argv)
    assert "[hooks] on_failure" in caught.value.hint


def test_its_output_is_redacted_and_bounded(stage: Stage) -> None:
    """A hook that goes on and on drowns nothing, and tells no secret."""
    stage.run("sh", "-c", 'echo "login $API_TOKEN"', API_TOKEN="hunter22222")
    assert stage.shown == ["login [redacted]"]
    stage.shown.clear()
    stage.run(sys.executable, "-c", f"print('x' * 5000)\nfor _ in range({SHOWN_LINES + 50}): print('line')")
    assert len(stage.shown) == SHOWN_LINES + 1
    assert max(map(len, stage.shown)) == 500
    assert stage.shown[-1] == "(it wrote more, which is not shown)"


def test_its_time_is_limited_and_its_children_end_with_it(stage: Stage) -> None:
    """Those too that do not listen to SIGTERM while their parent does."""
    deaf = "trap '' TERM; echo $$ > deaf; while :; do sleep 0.1; done"
    began = time.monotonic()
    with pytest.raises(StepFailed, match=r"it took more than 0\.3s"):
        stage.run("sh", "-c", f'sh -c "{deaf.replace("$", chr(92) + "$")}" & wait', timeout=0.3)
    assert time.monotonic() - began < 5
    assert gone(int((stage.folder / "deaf").read_text()))


def test_an_interrupt_ends_it(stage: Stage) -> None:
    """At once, whatever its time."""
    timer = threading.Timer(0.2, stage.interruption.request, [Cause.sigterm])
    timer.start()
    began = time.monotonic()
    with pytest.raises(Interrupted):
        stage.run("sleep", "30", timeout=60)
    timer.join()
    assert time.monotonic() - began < 5
