"""What `make dist` makes: what is in the sdist and in the wheel, and what is said about them."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_string
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.support import clean

if TYPE_CHECKING:
    from email.message import Message

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "deploykit"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
IGNORED = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text().split()]
pytestmark = pytest.mark.xdist_group("dist")


def build(kind: str, source: Path, into: Path) -> Path:
    argv = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(into)]
    done = subprocess.run(argv, cwd=source, env=clean(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = into.iterdir()
    return made


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, as whoever downloads it has it."""
    folder = tmp_path_factory.mktemp("dist")
    with tarfile.open(build("sdist", ROOT, folder / "sdist")) as sdist:
        sdist.extractall(folder, filter="data")
    return folder / f"deploykit-{PROJECT['version']}"


@pytest.fixture(scope="module")
def wheel(unpacked: Path) -> zipfile.ZipFile:
    """The wheel, built from the sdist alone."""
    return zipfile.ZipFile(build("wheel", unpacked, unpacked.parent / "wheel"))


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    return message_from_string(wheel.read(f"deploykit-{PROJECT['version']}.dist-info/METADATA").decode())


def ignored(path: Path) -> bool:
    return any(fnmatch(part, pattern) for part in path.parts for pattern in IGNORED)


def files(folder: Path) -> set[str]:
    """What there is in a folder, caches and the like left out."""
    found = {one.relative_to(folder) for one in folder.rglob("*") if one.is_file()}
    return {str(one) for one in found if not ignored(one)}


def test_the_sdist_has_what_make_test_needs_and_nothing_else(unpacked: Path) -> None:
    """Its top is this list, and below it every file of the project, but no cache."""
    top = {".ci", "benchmarks", "docs", "examples", "scripts", "src", "tests"}
    texts = {"CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md"}
    told = {*texts, "Makefile", "constraints.txt", "constraints-lowest.txt"}
    build_tool = {".gitignore", "PKG-INFO", "pyproject.toml"}
    assert {one.name for one in unpacked.iterdir()} == top | told | build_tool
    assert not [one for one in unpacked.rglob("*") if ignored(one.relative_to(unpacked))]
    for name in top:
        assert files(unpacked / name) == files(ROOT / name)


def test_the_wheel_has_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    """Every file of it, `py.typed` too; no tests, no caches."""
    info = f"deploykit-{PROJECT['version']}.dist-info"
    about = {f"{info}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")}
    assert set(wheel.namelist()) == about | {f"deploykit/{name}" for name in files(PACKAGE)}
    assert {name for name in files(PACKAGE) if not name.endswith(".py")} == {"py.typed"}


def test_the_wheel_of_the_sdist_is_the_wheel_of_the_project(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """Byte for byte: whoever builds it gets what is published."""
    ours = zipfile.ZipFile(build("wheel", ROOT, tmp_path))
    assert {one.filename: one.CRC for one in ours.infolist()} == {one.filename: one.CRC for one in wheel.infolist()}


def test_the_metadata_say_what_an_index_shows(metadata: Message) -> None:
    """License, the README as Markdown, and which Python."""
    assert metadata["License-Expression"] == "MIT"
    assert metadata.get_all("License-File") == ["LICENSE"]
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload() == (ROOT / "README.md").read_text()
    assert metadata["Requires-Python"] == ">=3.11"
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])


def test_the_wheel_asks_for_no_more_than_the_project(metadata: Message) -> None:
    """What is not for developers alone, each with its lowest version."""
    required = [one for one in metadata.get_all("Requires-Dist", []) if "extra ==" not in one]
    assert required == PROJECT["dependencies"]


def test_the_wheel_has_the_command_and_the_fixture(wheel: zipfile.ZipFile) -> None:
    """As entry points."""
    told = wheel.read(f"deploykit-{PROJECT['version']}.dist-info/entry_points.txt").decode()
    assert told == (
        "[console_scripts]\ndeploykit = deploykit.cli:main\n\n[pytest11]\ndeploykit = deploykit.testing.plugin\n"
    )
