"""A probe that reads a file, and an observer that writes one."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deploykit import Event, Instance
from deploykit.plugins import Setting
from deploykit.protocols import ProbeVerdict, Verdict


@dataclass(frozen=True)
class FileKeys:
    """The keys of a probe of type `file`."""

    path: str
    contains: str = ""


class FileProbe:
    """Healthy while the file is there, and has that text in it."""

    def __init__(self, setting: Setting) -> None:
        self.keys = setting.read(FileKeys)
        (self.service,) = setting.services
        self.file = setting.folder / self.keys.path

    @property
    def name(self) -> str:
        return f"file {self.keys.path}"

    def aimed(self, published: Mapping[int, int]) -> None:
        """No: a file is one for all."""

    def look(self, instances: Sequence[Instance], timeout: float) -> Verdict:
        try:
            text = self.file.read_text(errors="replace")
        except OSError as error:
            return Verdict(ProbeVerdict.unhealthy, f"{self.keys.path}: {error.strerror}")
        if self.keys.contains not in text:
            return Verdict(ProbeVerdict.unhealthy, f"{self.keys.path} does not say {self.keys.contains!r}")
        return Verdict(ProbeVerdict.healthy)


@dataclass(frozen=True)
class LineKeys:
    """The keys of an observer of type `jsonl`."""

    path: str


class JsonLines:
    """Writes the name of every event to a file, one line each."""

    def __init__(self, setting: Setting) -> None:
        self.file = setting.folder / setting.read(LineKeys).path

    def __call__(self, event: Event) -> None:
        with self.file.open("a") as lines:
            lines.write(json.dumps({"event": event.name, "id": event.id, "at": event.at}) + "\n")
