"""The plug-in keeps what deploykit's own backends and probes promise."""

from pathlib import Path

import pytest
from deploykit_site.backend import Site
from deploykit_site.extras import FileProbe

from deploykit.plugins import Setting
from deploykit.release import ImageRef, Instance
from deploykit.testing import BackendContract, ProbeContract


class SiteStage:
    last_words = ""

    def __init__(self, folder: Path) -> None:
        setting = Setting(app="docs", keys={"link": "public"}, folder=folder, state=folder / "state")
        self.backend, self.files, self._folder = Site(setting), setting.files, folder

    missing = ImageRef("docs", "nosuch")

    def publish(self, tag: str, exit_code: int | None = None) -> ImageRef:
        if exit_code is not None:
            pytest.skip("a site does not exit")
        release = self._folder / "releases" / tag
        release.mkdir(parents=True, exist_ok=True)
        (release / "index.html").write_text(tag)
        return ImageRef("docs", tag)


class TestSite(BackendContract):
    @pytest.fixture
    def stage(self, tmp_path: Path) -> SiteStage:
        return SiteStage(tmp_path)


class FileStage:
    instances = (Instance("r1", "app", "running"),)

    def __init__(self, folder: Path) -> None:
        keys = {"path": "health.txt", "contains": "fine"}
        self.probe, self._file = FileProbe(Setting(app="docs", keys=keys, folder=folder)), folder / "health.txt"

    def good(self) -> None:
        self._file.write_text("fine\n")

    def bad(self) -> None:
        self._file.write_text("broken\n")

    def silent(self) -> None:
        self._file.unlink(missing_ok=True)


class TestFile(ProbeContract):
    @pytest.fixture
    def stage(self, tmp_path: Path) -> FileStage:
        return FileStage(tmp_path)
