"""The programs that the engine tests need beside an engine: found, or taken out of Debian's packages."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.commands import CommandFailed, run, works
from scripts.packages import NotInstallable, fetch, fetch_of_suite, is_root, unpack_of_suite

if TYPE_CHECKING:
    from collections.abc import Callable

CACHE = Path(__file__).resolve().parent.parent / ".cache"
TOOLS = CACHE / "tools"
PATHS = f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin:{TOOLS}"
COMPOSE = "docker-compose"
COMPOSE_SUITE = "trixie"
COMPOSE_MEMBER = "usr/libexec/docker/cli-plugins/docker-compose"
HAPROXY = "usr/sbin/haproxy"
HAPROXY_SUITE = "forky"
"""The first with a HAProxy that can take a server for down until its first check has passed (3.1: `init-state`)."""
SYSTEM_SUITE = "trixie"
DJANGO = ("python-is-python3", "python3-django", "python3-psycopg2", "gunicorn")
POSTGRES = ("postgresql-17",)
POSTGRES_BIN = "/usr/lib/postgresql/17/bin"
UNUSED_BY_DJANGO = ("django/contrib/*/locale", "django/contrib/gis", "gconv")
UNUSED_BY_POSTGRES = ("bitcode", "llvmjit*", "*LLVM*", "llvm-19", "libz3*", "perl*", "libperl*", "locale", "i18n")
"""What queries are compiled with just in time, and what its package's own scripts need."""


def find(name: str) -> str | None:
    return shutil.which(name, path=PATHS)


def registry() -> str:
    """Return a registry program; raises NotInstallable."""
    found = find("docker-registry")
    return found or _fetched("docker-registry", "docker-registry", "usr/bin/docker-registry")


def busybox() -> str:
    """Return a busybox that needs no library, for images made of nothing else; raises NotInstallable."""
    for found in (TOOLS / "busybox", Path(find("busybox") or "/bin/busybox")):
        if found.exists() and is_static(found):
            return str(found)
    return _fetched("busybox", "busybox-static", "bin/busybox")


def is_static(program: Path) -> bool:
    """Tell whether a program names no dynamic loader."""
    with program.open("rb") as file:
        return b"/ld-" not in file.read(4096)


def haproxy() -> Path:
    """Return an archive of a file system that has HAProxy and nothing else; raises NotInstallable."""
    return _archive("haproxy", _unpack_haproxy)


def django() -> Path:
    """Return an archive of a file system that has Python, Django, gunicorn and psycopg2; raises NotInstallable."""
    return _archive("django", _unpack_django, *UNUSED_BY_DJANGO)


def postgres() -> Path:
    """Return an archive of a file system that has Postgres, in POSTGRES_BIN; raises NotInstallable."""
    return _archive("postgres", lambda folder: _unpack_system(folder, *POSTGRES), *UNUSED_BY_POSTGRES)


def _archive(name: str, unpack: Callable[[Path], Path], *unused: str) -> Path:
    """Make an archive of what is unpacked, once; `unused` is left out, wherever it is."""
    archive = TOOLS / f"{name}.tar"
    TOOLS.mkdir(parents=True, exist_ok=True)
    with (TOOLS / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists():
            with tempfile.TemporaryDirectory(prefix=f"deploykit-{name}-") as folder:
                _pack(unpack(Path(folder)), archive, unused)
    return archive


def _pack(root: Path, archive: Path, unused: tuple[str, ...]) -> None:
    beside = archive.with_suffix(f".{os.getpid()}")
    without = [f"--exclude={name}" for name in ("usr/share/doc", "usr/share/man", "usr/share/locale", *unused)]
    run(["tar", "-C", str(root), *without, "--owner=0", "--group=0", "-cf", str(beside), "."])
    beside.replace(archive)


def _unpack_haproxy(folder: Path) -> Path:
    unpack_of_suite(HAPROXY_SUITE, folder / "unpacked", "haproxy")
    return _only(folder / "unpacked", HAPROXY, folder / "small")


def _unpack_django(folder: Path) -> Path:
    """Unpack Python and its packages compiled, as their installation would: each start would do it anew otherwise."""
    root = _unpack_system(folder, *DJANGO)
    program, library = next(root.glob("usr/bin/python3.*")), root / "usr" / "lib"
    loader, libraries = _loader(root, program.relative_to(root).as_posix())
    what = ["-m", "compileall", "-q", f"-s{root}", "-p/", str(library)]
    run(
        [str(loader), "--library-path", libraries, str(program), *what],
        env={"PYTHONHOME": str(root / "usr"), "PATH": PATHS},
        timeout=300,
    )
    return root


def _unpack_system(folder: Path, *packages: str) -> Path:
    """Unpack programs with a shell, and what a program finds in every system."""
    unpack_of_suite(SYSTEM_SUITE, folder / "system", "base-files", "coreutils", "dash", *packages)
    etc = folder / "system" / "etc"
    (etc / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\npostgres:x:999:999::/tmp:/bin/sh\n")
    (etc / "group").write_text("root:x:0:\npostgres:x:999:\n")
    return folder / "system"


def _only(root: Path, program: str, target: Path) -> Path:
    """Copy a program of a file system with the libraries that it loads, and its loader."""
    found, folders = _loader(root, program)
    listed = run([str(found), "--library-path", folders, "--list", str(root / program)])
    if "not found" in listed:
        raise NotInstallable(f"libraries of {program} are missing: {listed}")
    copies = {_named_loader(root / program): found, program: root / program}
    copies |= {path.relative_to(root).as_posix(): path for path in map(Path, re.findall(rf"{root}/\S+", listed))}
    for name, source in copies.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target / name)
    return target


def _loader(root: Path, program: str) -> tuple[Path, str]:
    """Return the loader of a program of a file system, and the folders of its libraries."""
    name = Path(_named_loader(root / program)).name
    found = next((one for one in root.rglob(name) if one.is_file()), None)
    if not found:
        raise NotInstallable(f"no loader of {program} was unpacked")
    return found, ":".join(str(each) for each in (root / "usr/lib").iterdir() if each.is_dir())


def _named_loader(program: Path) -> str:
    named = re.search(rb"/lib[^\0]*/ld-[^\0]*", program.read_bytes())
    return named[0].decode().lstrip("/") if named else ""


def compose() -> None:
    """See to it that `docker compose` is version 2; raises NotInstallable."""
    if has_compose():
        return
    fetch_of_suite(COMPOSE_SUITE, COMPOSE, COMPOSE_MEMBER, plugin_folder() / COMPOSE)
    if not has_compose():
        raise NotInstallable(f"docker compose does not work, although {plugin_folder() / COMPOSE} is there now")


def has_compose() -> bool:
    try:
        return not run(["docker", "compose", "version", "--short"]).lstrip("v").startswith("1.")
    except CommandFailed:
        return False


def plugin_folder() -> Path:
    """Return where this user's docker looks for plug-ins."""
    if is_root() and "DOCKER_CONFIG" not in os.environ:
        return Path("/usr/local/lib/docker/cli-plugins")
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker", "cli-plugins")


def _fetched(name: str, package: str, member: str) -> str:
    fetch(package, member, TOOLS / name)
    if not works([str(TOOLS / name), "--help"]):
        raise NotInstallable(f"{name} of the package {package} does not run here")
    return str(TOOLS / name)
