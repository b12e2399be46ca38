"""The app that the command line means."""

import argparse
import gc
import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from deploykit.errors import ConfigError

if TYPE_CHECKING:
    from deploykit.app import App

_COMMAND = re.compile(r"`deploykit ([a-z]+)\b")
_KEY = re.compile(r"(app|backend|health|rollback|state|hooks|notify|check)\.")


@contextmanager
def opened(args: argparse.Namespace) -> Iterator["App"]:
    """Lend the app of the config file that was named, or that is meant without a name.

    What is found wrong with a key later, by a backend, is told with the file's name too.
    """
    import deploykit
    from deploykit import seam
    from deploykit.config import as_written, find_config

    path = args.config or find_config(os.environ, must_exist=seam.current() is None)
    try:
        with _garbage_kept():
            app = deploykit.load(path, args.target)
        try:
            yield app
        finally:
            with suppress(KeyboardInterrupt):  # a second Ctrl-C: the deployment is over, and only notices are not
                app.close()
    except ConfigError as error:
        if not _KEY.match(str(error)):
            raise
        msg = f"{path}: {as_written(Path(path), args.target, str(error)) if args.target else error}"
        raise ConfigError(msg, hint=error.hint) from error


@contextmanager
def _garbage_kept() -> Iterator[None]:
    """Don't look for garbage while modules are loaded: they stay, and looking costs some 40 ms."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def command(args: argparse.Namespace, verb: str) -> str:
    """Return how another verb is typed for the same config file and target."""
    target = f" -t {shlex.quote(args.target)}" if args.target else ""
    if not args.config:
        return f"deploykit {verb}{target}"
    name = shlex.quote(args.config)
    start = f"deploykit {verb} {name}" if args.config.endswith(".toml") else f"deploykit -c {name} {verb}"
    return f"{start}{target}"


def titled(app: str, args: argparse.Namespace) -> str:
    """Return what an app is called at the head of what is shown of it."""
    return f"{app} (target {args.target})" if args.target else app


def as_typed(args: argparse.Namespace, text: str) -> str:
    """Return a text whose commands, `deploykit VERB ...`, are those for the same config file and target."""
    return _COMMAND.sub(lambda found: f"`{command(args, found[1])}", text)
