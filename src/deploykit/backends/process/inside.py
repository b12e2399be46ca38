"""Getting at what runs by hand: programs with a release's folder and environment."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploykit.errors import ConfigError
from deploykit.protocols import Program


def program_in(folder: Path, argv: Sequence[str], environment: Mapping[str, str]) -> Program:
    """Return a command as it is run in a release's folder, with that environment beside today's.

    Raises:
        ConfigError: there is no such program.
    """
    variables, folder = {**os.environ, **environment}, folder.absolute()
    named = argv[0]
    found = shutil.which(str(folder / named) if "/" in named else named, path=variables.get("PATH"))
    if found is None:
        msg = f"there is no program {named!r}"
        raise ConfigError(msg, hint=f"It is looked for on PATH, or, with a slash in it, from {folder}.")
    return Program((str(Path(found).absolute()), *argv[1:]), variables, folder)


def log_program(log: Path, *, follow: bool, tail: int | None) -> Program:
    """Return what shows a log, the whole of it when `tail` is None. Followed, it goes on until it is interrupted."""
    lines = "+1" if tail is None else str(max(tail, 0))
    options = ("-n", lines, *(["-f"] if follow else []))
    return program_in(log.parent, ("tail", *options, str(log.absolute())), {})
