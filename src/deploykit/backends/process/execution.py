"""Running a command beside an instance."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from deploykit.errors import StepFailed
from deploykit.protocols import Execution

LIMIT = 64 * 1024
_POLL = 0.005


def run(argv: Sequence[str], folder: Path, environment: Mapping[str, str], timeout: float) -> Execution:
    """Run it to its end, and end what it leaves behind.

    Raises:
        StepFailed: it could not be run, or not in time.
    """
    deadline = time.monotonic() + timeout
    with _popen(argv, folder, environment) as process:
        try:
            output = _watch(process, deadline)
        finally:
            # Not waited for yet, so its number still stands for its group.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    code = process.returncode
    return Execution(code if code >= 0 else 128 - code, output.decode(errors="replace"))


def _popen(argv: Sequence[str], folder: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            list(argv),
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError, IndexError) as error:
        msg = f"the command could not be run: {error}"
        raise StepFailed(msg) from error


def _watch(process: subprocess.Popen[bytes], deadline: float) -> bytes:
    """Return the end of what it wrote, once it has ended."""
    assert process.stdout  # noqa: S101 - it is a pipe
    stdout = process.stdout.fileno()
    os.set_blocking(stdout, False)
    output = b""
    while True:
        ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        chunk = _read(stdout)  # looked at after its end: so this is all that is left
        output = (output + chunk)[-LIMIT:]
        if ended:
            return output
        if time.monotonic() >= deadline:
            msg = "the command did not end in time"
            raise StepFailed(msg, detail=output.decode(errors="replace")[-4096:])
        if not chunk:
            time.sleep(_POLL)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, LIMIT)
    except BlockingIOError:
        return b""
