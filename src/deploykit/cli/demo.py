"""`deploykit demo`: the main job without Docker, in a folder that is gone afterwards."""

import argparse
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploykit.cli.output import say
from deploykit.errors import ConfigError

WORDS = ""
CONFIG = "demo.toml"
_TOML = """\
[app]
name  = "demo"
image = "demo"

[backend]
type      = "process"                  # a release is a folder, run as a local process
directory = "releases/{{tag}}"
command   = [{python}, "app.py", "{port}"]

[health]
attempts = 6
interval = 0.5                         # 6 x 0.5 s = 3 s

[[health.probe]]
type    = "http"
url     = "http://127.0.0.1:{port}/health"
require = {{ "ok" = true, "checks.database" = true }}
"""
_APP = """\
import json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

HEALTH = {{"ok": {ok}, "version": "{tag}", "checks": {{"database": {ok}}}}}

class App(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(HEALTH).encode())

    def log_message(self, *args):
        pass

print("version {tag} listens", flush=True)
HTTPServer(("127.0.0.1", int(sys.argv[1])), App).serve_forever()
"""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STORY: tuple[tuple[str, list[str], int | None], ...] = (
    ("A good release:", ["run", CONFIG, "--tag", "v1"], 0),
    ("A broken one. It answers 200, as a script would like it, but says that its database is gone:", [], None),
    ("", ["run", CONFIG, "--tag", "v2"], 1),
    ("The first one serves again:", ["status", CONFIG], 0),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `demo`: none of its own."""


def run(args: argparse.Namespace) -> int:
    """Deploy a good release and a broken one, and leave nothing behind."""
    if args.config or args.json:
        raise ConfigError("the demo brings its own config, and has no JSON", hint="Run `deploykit demo`.")
    with _stoppable(), _folder() as folder:
        say(f"{CONFIG} in {folder}, which is removed at the end:\n")
        say("".join(f"    {line}\n" for line in Path(CONFIG).read_text().splitlines()))
        try:
            return _tell()
        finally:
            _stop()


def _tell() -> int:
    for words, argv, expected in _STORY:
        say(words) if words else None
        code = _show(argv) if argv else expected
        if code != expected:
            return code or 3
    return 0


def _show(argv: list[str]) -> int:
    from deploykit.cli import main

    say(f"$ deploykit {' '.join(argv)}")
    code = main(argv)
    say(f"(exit {code})\n")
    return code


@contextmanager
def _folder() -> Iterator[Path]:
    """Work in a folder with config and releases, and remove it afterwards."""
    before = Path.cwd()
    folder = Path(tempfile.mkdtemp(prefix="deploykit-demo-"))
    try:
        os.chdir(folder)
        _write(folder)
        yield folder
    finally:
        os.chdir(before)
        shutil.rmtree(folder, ignore_errors=True)


def _write(folder: Path) -> None:
    (folder / CONFIG).write_text(_TOML.format(python=_text(sys.executable), port=_free_port()))
    for tag, ok in (("v1", True), ("v2", False)):
        release = folder / "releases" / tag
        release.mkdir(parents=True)
        (release / "app.py").write_text(_APP.format(tag=tag, ok=ok))


def _text(path: str) -> str:
    """Return a path as a text of TOML in which nothing is filled in."""
    return json.dumps(path.replace("$", "$$").replace("{", "{{").replace("}", "}}"))


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _stop() -> None:
    """End what runs: to retire everything but a release that there is not leaves nothing."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    from deploykit.config import read_config
    from deploykit.protocols import Control
    from deploykit.release import ImageRef, Release
    from deploykit.wiring import wire

    backend = wire(read_config(Path(CONFIG), os.environ)).backend
    backend.promote(Release("r0", ImageRef("demo")), Control())


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the demo as Ctrl-C does: with everything put away."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
