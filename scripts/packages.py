"""What the tests need from Debian: installed, or only unpacked beside the tests, by apt and without a question.

Mirrors are those that the machine itself is set up with; none is named here.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.commands import CommandFailed, run

if TYPE_CHECKING:
    from collections.abc import Iterator

APT_TIME = 300  # seconds
LISTS_TIME = 120
OPTIONS = (
    "-oAcquire::Retries=3",
    "-oAcquire::http::Timeout=15",
    "-oAcquire::https::Timeout=15",
    "-oDPkg::Lock::Timeout=60",
    "-oAPT::Sandbox::User=root",
    "-q",
)
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SOURCES = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))


class NotInstallable(Exception):
    """What is missing cannot be installed here; the text says why."""


def is_root() -> bool:
    return os.geteuid() == 0


def install(*packages: str) -> None:
    """Install packages for good; services that they bring are not started by it."""
    if not is_root():
        raise NotInstallable(f"not root, so {' '.join(packages)} cannot be installed")
    _update()
    _apt("install", "-y", "--no-install-recommends", *packages)


def fetch(package: str, member: str, target: Path) -> None:
    """Take one executable out of a package of this machine's release, and install nothing."""
    _update()
    _unpack(package, member, target, _private())


def fetch_of_suite(suite: str, package: str, member: str, target: Path) -> None:
    """Take one executable out of a package of another Debian suite, from this machine's mirror."""
    with _suite(suite) as (options, _):
        _unpack(package, member, target, options)


def unpack_of_suite(suite: str, target: Path, *packages: str) -> None:
    """Unpack packages of another Debian suite, with all that they depend on there, and install nothing."""
    with _suite(suite) as (options, folder):
        nothing = folder / "status"  # as if nothing were installed: a program must find the libraries of its own suite
        nothing.touch()
        how = ["--download-only", "-y", "--no-install-recommends", f"-oDir::State::status={nothing}"]
        _apt("install", *packages, options=[*options, *how])
        target.mkdir(parents=True, exist_ok=True)
        for archive in sorted((folder / "cache" / "archives").glob("*.deb")):
            run(["dpkg", "-x", str(archive), str(target)])


@contextmanager
def _suite(suite: str) -> Iterator[tuple[list[str], Path]]:
    """Read the lists of a suite; yields apt's options for it, and the folder in which it keeps what it fetches."""
    with tempfile.TemporaryDirectory(prefix="deploykit-apt-") as name:
        folder = Path(name)
        sources = folder / "sources.list"
        sources.write_text(f"deb [signed-by={KEYRING}] {mirror()} {suite} main\n")
        options = [f"-oDir::Etc::sourcelist={sources}", "-oDir::Etc::sourceparts=/dev/null", *_lists(folder)]
        _apt("update", options=options)
        yield options, folder


def mirror(sources: tuple[Path, ...] = SOURCES) -> str:
    """Return the mirror that this machine takes Debian from."""
    for path in sources:
        text = path.read_text() if path.exists() else ""
        for address in _of_stanzas(text) if path.suffix == ".sources" else _of_lines(text):
            if "security" not in address:
                return address
    raise NotInstallable("no Debian mirror is named in " + " or ".join(map(str, sources)))


def _of_stanzas(text: str) -> list[str]:
    pairs = [line.partition(":") for line in text.splitlines()]
    return [value.split()[0] for key, _, value in pairs if key.strip() == "URIs" and value.strip()]


def _of_lines(text: str) -> list[str]:
    words = [line.split("]")[-1].removeprefix("deb").split() for line in text.splitlines() if line.startswith("deb ")]
    return [found[0] for found in words if found]


@functools.cache
def _update() -> None:
    """Read the package lists once; old lists may do when that fails, so the install decides."""
    try:
        _apt("update", options=_private())
    except NotInstallable as error:
        print(f"engine: {error}", file=sys.stderr)


def _unpack(package: str, member: str, target: Path, options: list[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="deploykit-deb-") as folder:
        _apt("download", package, options=options, cwd=Path(folder))
        archive = next(Path(folder).glob("*.deb"))
        run(["dpkg", "-x", str(archive), folder])
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.{os.getpid()}")
        shutil.copy2(Path(folder, member), beside)
        beside.replace(target)


def _private() -> list[str]:
    """Keep lists of our own where the machine's cannot be written."""
    return [] if is_root() else _lists(_own_folder())


@functools.cache
def _own_folder() -> Path:
    folder = tempfile.mkdtemp(prefix="deploykit-lists-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _lists(folder: Path) -> list[str]:
    (folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (folder / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    return [f"-oDir::State::Lists={folder}/lists", f"-oDir::Cache={folder}/cache", "-oDebug::NoLocking=1"]


def _apt(verb: str, *words: str, options: list[str] | None = None, cwd: Path | None = None) -> None:
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise NotInstallable("this is no Debian-like machine, so nothing can be installed by apt")
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "SYSTEMD_OFFLINE": "1", "RUNLEVEL": "1", "LC_ALL": "C.UTF-8"}
    try:
        argv = ["apt-get", *OPTIONS, *(options or []), verb, *words]
        run(argv, timeout=LISTS_TIME if verb == "update" else APT_TIME, env=os.environ | quiet, cwd=cwd)
    except CommandFailed as error:
        raise NotInstallable(f"cannot {verb} {' '.join(words) or 'package lists'} ({error})") from error
