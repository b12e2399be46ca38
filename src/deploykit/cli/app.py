"""The app that the command line means."""

import argparse
import os
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploykit.app import App


def open_app(args: argparse.Namespace) -> "App":
    """Load the config file that was named, or the one that is meant without a name."""
    import deploykit
    from deploykit.config import find_config

    return deploykit.load(args.config or find_config(os.environ))


def command(args: argparse.Namespace, verb: str) -> str:
    """Return how another verb is typed for the same config file."""
    if not args.config:
        return f"deploykit {verb}"
    name = shlex.quote(args.config)
    return f"deploykit {verb} {name}" if args.config.endswith(".toml") else f"deploykit -c {name} {verb}"
