"""Canaries wherever a secret can stand: none comes out anywhere but in the files of releases, for their owner."""

from __future__ import annotations

import json
import stat
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.support import ProcessApp

CANARIES = {
    "of the environment": "canary-shell-4711",
    "of the config": "canary-config-4712",
    "of a header": "canary-header-4713",
    "of a url": "canary-url-4714",
    "of a url in a variable": "canary-dsn-4715",
}
TELLS = """\
import http.server, json, os, sys

print("connecting with", os.environ["DB_PASSWORD"], os.environ["API_TOKEN"], os.environ["DATABASE_URL"], flush=True)
if {exits}:
    sys.exit(3)

class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response({status})
        self.end_headers()
        self.wfile.write(json.dumps({{"tag": "{tag}", "ok": True, "seen": dict(self.headers)}}).encode())

    def log_message(self, *args):
        pass

http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), App).serve_forever()
"""
CONFIG = """\
[app]
name = "shop"
image = "example.org/shop/web"

[backend]
type = "process"
command = [{python}, "app.py"]
environment = {{ PORT = "{port}", DB_PASSWORD = "{config}", API_TOKEN = "${{API_TOKEN}}", DATABASE_URL = "${{DSN}}" }}

[health]
attempts = 2
interval = 0.5

[[health.probe]]
type = "http"
url = "http://user:{url}@127.0.0.1:{port}/health"
headers = {{ Authorization = "Bearer {header}" }}
require = {{ "ok" = true }}
"""


@pytest.fixture
def told(app: ProcessApp) -> ProcessApp:
    """An app that tells its secrets to whoever listens."""
    app.config.write_text(
        CONFIG.format(
            python=json.dumps(sys.executable),
            port=app.port,
            config=CANARIES["of the config"],
            url=CANARIES["of a url"],
            header=CANARIES["of a header"],
        )
    )
    for tag, exits, status in (("good", 0, 200), ("crashes", 1, 200), ("sick", 0, 500)):
        folder = app.folder / "releases" / tag
        folder.mkdir(parents=True)
        (folder / "app.py").write_text(TELLS.format(tag=tag, exits=exits, status=status))
    return app


class Titles:
    """Looks at what every process of the machine is called, for the time of a `with` block."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Titles:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.02):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(path.read_bytes())
                except OSError:
                    continue


VERBS = (
    ["run", "--tag", "good"],
    ["run", "--tag", "crashes"],
    ["run", "--tag", "sick", "--json"],
    ["run", "--tag", "good", "--force"],
    ["rollback"],
    ["status"],
    ["status", "--json"],
    ["history", "--json"],
    ["history", "r2"],
    ["history", "r3", "--json"],
    ["health"],
    ["health", "--json"],
    ["config"],
    ["config", "--json"],
    ["run", "--tag", "nosuch"],
    ["run", "--tag", "no such"],
    ["run", "--dry-run", "--tag", "good"],
    ["logs", "--of", "r2"],
    ["logs", "--of", "r3"],
    ["diff", "r1", "r2"],
    ["diff", "r1", "r3", "--json"],
    ["images"],
    ["ps", "--json"],
    ["check", "--tag", "good"],
    ["check", "--tag", "good", "--json"],
)


def is_own_log(path: Path, state: Path) -> bool:
    """Whether it is what a process wrote, as it came: not what deploykit keeps of it."""
    return path.suffix == ".log" and path.parent != state / "logs"


def test_no_canary_comes_out(told: ProcessApp, record_property: Callable[[str, object], None]) -> None:
    """Of any verb, into any file but those of the releases, or as a process's title."""
    env = {
        "API_TOKEN": CANARIES["of the environment"],
        "DSN": f"postgres://shop:{CANARIES['of a url in a variable']}@db/shop",
    }
    said = []
    with Titles() as titles:
        for verb in VERBS:
            done = told.deploykit(*verb, timeout=60, **env)
            said.append(done.stdout + done.stderr)
    assert told.version() == "good"
    assert "connecting with [redacted]" in "".join(said)
    state = told.folder / ".deploykit"
    files = [path for path in state.rglob("*") if path.is_file() and "releases" not in path.parts]
    kept = [path for path in files if not is_own_log(path, state)]
    assert {"journal.db", "r2.log", "r3.log"} <= {path.name for path in kept}
    written = b"".join(path.read_bytes() for path in kept)
    record_property("cases", len(CANARIES) * (len(VERBS) + len(files) + len(titles.seen)))
    for where, canary in CANARIES.items():
        assert canary not in "".join(said), where
        assert canary.encode() not in written, where
        assert not any(canary.encode() in title for title in titles.seen), where


def test_the_files_of_releases_are_for_their_owner_alone(told: ProcessApp) -> None:
    """They are the one place that keeps such values."""
    told.deploykit("run", "--tag", "good", API_TOKEN="x", DSN="y")
    state = told.folder / ".deploykit"
    kept = [path for path in (state / "releases").rglob("*") if path.is_file()]
    assert any(CANARIES["of the config"].encode() in path.read_bytes() for path in kept)
    for path in state.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        if "releases" in path.relative_to(state).parts[:1]:
            assert mode & 0o077 == 0, path
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
