"""When containers died, by the engine's own account."""

from __future__ import annotations

import subprocess
import threading
from contextlib import suppress
from datetime import datetime
from typing import Self

from scripts.commands import CommandFailed, run


class Deaths:
    """Listens to the engine for the time of a `with` block; `times` are seconds since the epoch, by exit code."""

    def __init__(self, label: str) -> None:
        self.times: dict[int, list[float]] = {}
        filters = ["--filter", "event=die", "--filter", f"label={label}"]
        told = '{{.ID}} {{index .Actor.Attributes "exitCode"}}'
        self._argv = ["docker", "events", "--format", told, *filters]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._argv, stdout=subprocess.PIPE, text=True)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._thread.join()

    def _listen(self) -> None:
        assert self._process.stdout
        with self._process.stdout as lines:
            for line in lines:
                container, code = line.split()
                with suppress(CommandFailed):  # removed already
                    self.times.setdefault(int(code), []).append(_finished_at(container))


def _finished_at(container: str) -> float:
    text = run(["docker", "inspect", "-f", "{{.State.FinishedAt}}", container]).strip()
    return datetime.fromisoformat(text).timestamp()
