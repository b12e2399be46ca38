"""Programs that take the place of deploykit, with its terminal and their own exit code."""

import os
import subprocess
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from deploykit.protocols import Program


_CLEARS_ITS_LINE = "\x1b[2K"
"""Compose writes this before each line of a log, also into a pipe."""


def at_terminal() -> bool:
    """Whether somebody sits there who types and reads."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def written(program: "Program") -> tuple[list[str], int]:
    """Run a program to its end, and return the lines that it writes, and its exit code."""
    done = subprocess.run(
        program.argv,
        env=dict(program.environment),
        cwd=program.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    lines = done.stdout.decode(errors="replace").splitlines()
    return [line.removeprefix(_CLEARS_ITS_LINE) for line in lines], done.returncode


def become(program: "Program") -> "NoReturn":
    """Run a program in place of this one: signals, terminal and exit code are its own."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    if program.folder is not None:
        os.chdir(program.folder)
    os.execve(program.argv[0], program.argv, dict(program.environment))  # noqa: S606 - an argv, no shell
