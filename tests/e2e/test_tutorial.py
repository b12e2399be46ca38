"""docs/tutorial.md, followed: its files are saved, its commands typed, and what it shows is printed."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploykit.config import read_config
from deploykit.protocols import Control
from deploykit.release import ImageRef, Release
from deploykit.wiring import wire
from scripts.commands import until
from tests.e2e.support import clean
from tests.engine.support.names import free_port
from tests.unit.test_docs import DOCS, fences

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = DOCS / "tutorial.md"
INSTALL = ["python3 -m venv .venv", ". .venv/bin/activate", "pip install ../deploykit"]
"""What tests/e2e/test_wheel.py does for the tests; here the environment of the tests is taken."""
MARK = "@@ command"
PORT = "8000"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The reader's; nothing runs in it afterwards."""
    yield tmp_path
    backend = wire(read_config(tmp_path / "shop.toml", {}, None)).backend
    backend.promote(Release("r0", ImageRef("none")), Control())


def test_it_is_as_the_page_says(folder: Path) -> None:
    """Every command, in order, in one shell; of what each prints, the lines that the page shows."""
    port = str(free_port())
    blocks = [(kind, text.replace(PORT, port)) for kind, text in fences(PAGE)]
    for kind, text in blocks:
        if kind in {"python", "toml"}:
            path = folder / text.splitlines()[0].removeprefix("# ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    told = [one for kind, text in blocks if kind == "console" for one in commands(text)]
    assert [command for command, _ in told[: len(INSTALL)]] == INSTALL
    told = told[len(INSTALL) :]
    printed = typed([command for command, _ in told], folder)
    for (command, shown), lines in zip(told, printed, strict=True):
        rest = iter(lines)
        missing = [line for line in shown if not any(found.startswith(line) for found in rest)]
        assert not missing, f"{command} prints otherwise:\n" + "\n".join(lines)
    assert until(lambda: not listens(int(port)), within=10)


def commands(console: str) -> Iterator[tuple[str, list[str]]]:
    """The commands of a block, each with the lines that are shown under it."""
    for one in console.removeprefix("$ ").split("\n$ "):
        command, *shown = one.splitlines()
        yield command, [alike(line) for line in shown]


def typed(words: list[str], folder: Path) -> list[list[str]]:
    """What each command prints, when they are typed one after the other."""
    lines = [f'echo "{MARK}"; (exit $code)\n{command}\ncode=$?' for command in words]
    env = {**clean(), "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"}
    script = "\n".join(["code=0", *lines])
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return [[alike(line) for line in one.splitlines()] for one in done.stdout.split(f"{MARK}\n")[1:]]


def alike(line: str) -> str:
    """A line without the figures that are others each time."""
    return re.sub(r"\d+\.\d+s", "0.0s", line).rstrip()


def listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0
