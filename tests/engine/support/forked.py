"""deploykit in a process of its own that has its imports behind it: a third of a second less, some thousand times.

A server that does nothing but import (preload.py) forks it. The tests of the command itself start one as people do.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from multiprocessing.process import BaseProcess
    from pathlib import Path

_FORKED = multiprocessing.get_context("forkserver")
_FORKED.set_forkserver_preload(["tests.engine.support.preload"])


def run(
    main: Callable[[Sequence[str]], int], argv: Sequence[str], *, folder: Path, env: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run a function as a program, in a folder and a session of its own, until it ends; return what it wrote.

    One that takes too long is killed with its children, and fails the test. What it leaves behind is not waited for.
    """
    out, err = (folder.with_name(f"{folder.name}.{name}") for name in ("out", "err"))
    process = _FORKED.Process(target=_become, args=(main, list(argv), folder, dict(env), (os.devnull, out, err)))
    process.start()
    try:
        process.join(timeout)
        code = process.exitcode
    finally:
        _kill(process)
        process.close()
    done = subprocess.CompletedProcess([*argv], -signal.SIGKILL if code is None else code, _read(out), _read(err))
    assert code is not None, f"it took more than {timeout} s: {done}"
    return done


def _kill(process: BaseProcess) -> None:
    """End it and its children, if it has not ended."""
    if process.is_alive():
        with suppress(ProcessLookupError):
            os.killpg(process.pid or 0, signal.SIGKILL)
        process.kill()
        process.join()


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _become(
    main: Callable[[Sequence[str]], int],
    argv: list[str],
    folder: Path,
    env: dict[str, str],
    streams: tuple[str | Path, str | Path, str | Path],
) -> None:
    """Be the program: nothing of the server that forked us is left but what it has imported."""
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    for number, path in enumerate(streams):
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.exit(main(argv))
