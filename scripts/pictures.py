"""The README's pictures: `python -m scripts.pictures`, on a real engine (`make engine-up`, and its DOCKER_HOST).

Real commands on a real app, whose registry is at localhost:5000. Nothing is changed of what they write, but that the
folder, which is a temporary one, is called /srv/sandmatch.
"""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess

from rich.console import Console
from rich.text import Text

from scripts import tools
from scripts.registry import OwnRegistry
from scripts.sweep import sweep, sweep_images
from tests.engine.support import names
from tests.engine.support.images import Images, build_base
from tests.engine.support.project import ComposeApp

PICTURES = Path(__file__).resolve().parent.parent / "docs" / "pictures"
REGISTRY = "localhost:5000"
NAME = "sandmatch"
FOLDER = f"/srv/{NAME}"
COLUMNS = 112
OLD, NEW, BAD = "main-xyz789", "main-abc123", "main-bad666"
_FONTS = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
_MADE_WITH = re.compile(r"\s*<!--.*?-->", re.DOTALL)


def main() -> None:
    with the_app() as app:
        app.push(OLD)
        app.deploykit("run", "--tag", OLD)
        app.push(NEW)
        app.push(BAD, start_delay=5, exit_after=0.4, exit_code=3)
        app.probe_waits()
        picture(app, "check", "check", "--tag", NEW)
        picture(app, "good", "run", "--tag", NEW)
        picture(app, "restored", "run", "--tag", BAD)


class Pictured(ComposeApp):
    """SandMatch, with the runbook's patience."""

    def probe_waits(self) -> None:
        self.write_config(health={"attempts": 30, "interval": 2.0})


@contextmanager
def the_app() -> Iterator[Pictured]:
    with tempfile.TemporaryDirectory(prefix="deploykit-pictures-") as folder:
        registry = OwnRegistry(REGISTRY, Path(folder, "registry"), tools.registry())
        registry.start()
        try:
            images = Images(registry, build_base(), NAME)
            app = Pictured(Path(folder, NAME), images, NAME)
            try:
                yield app
            finally:
                app.remove()
        finally:
            registry.stop()
            sweep(names.OWNER)
            sweep_images("scope", NAME)
            sweep_images("owner", names.OWNER)


def picture(app: Pictured, name: str, *argv: str) -> None:
    """Run a command, and draw what a terminal has then."""
    done = app.deploykit(*argv)
    svg = drawn(f"deploykit {' '.join(argv)}", done, str(app.folder))
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / f"{name}.svg").write_text(svg)
    print(f"{PICTURES / name}.svg: exit {done.returncode}")


def drawn(command: str, done: CompletedProcess[str], folder: str) -> str:
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(_prompt(command))
    console.print(Text.from_ansi(done.stdout.replace(folder, FOLDER).rstrip("\n"), overflow="fold"))
    console.print(_prompt("echo $?"))
    console.print(Text(str(done.returncode)))
    svg = console.export_svg(title=FOLDER, unique_id="deploykit")
    return _MADE_WITH.sub("", _FONTS.sub("", svg))  # a font from elsewhere would be fetched by whoever looks


def _prompt(command: str) -> Text:
    return Text.assemble(("$ ", "green"), (command, "bold"))


if __name__ == "__main__":
    main()
