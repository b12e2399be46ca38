"""The programs that the engine tests need beside an engine: found, or taken out of Debian's packages."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from pathlib import Path

from scripts.commands import CommandFailed, run, works
from scripts.packages import NotInstallable, fetch, fetch_of_suite, is_root, unpack_of_suite

CACHE = Path(__file__).resolve().parent.parent / ".cache"
TOOLS = CACHE / "tools"
PATHS = f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin:{TOOLS}"
COMPOSE = "docker-compose"
COMPOSE_SUITE = "trixie"
COMPOSE_MEMBER = "usr/libexec/docker/cli-plugins/docker-compose"
HAPROXY = "usr/sbin/haproxy"
HAPROXY_SUITE = "forky"
"""The first with a HAProxy that can take a server for down until its first check has passed (3.1: `init-state`)."""


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
    archive = TOOLS / "haproxy.tar"
    TOOLS.mkdir(parents=True, exist_ok=True)
    with (TOOLS / "haproxy.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists():
            _pack_haproxy(archive)
    return archive


def _pack_haproxy(archive: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="deploykit-haproxy-") as folder:
        unpacked = Path(folder, "unpacked")
        unpack_of_suite(HAPROXY_SUITE, "haproxy", unpacked)
        small = _only(unpacked, HAPROXY, Path(folder, "small"))
        beside = archive.with_suffix(f".{os.getpid()}")
        run(["tar", "-C", str(small), "--owner=0", "--group=0", "-cf", str(beside), "."])
        beside.replace(archive)


def _only(root: Path, program: str, target: Path) -> Path:
    """Copy a program of a file system with the libraries that it loads, and its loader."""
    named = re.search(rb"/lib[^\0]*/ld-[^\0]*", (root / program).read_bytes())
    loader = named[0].decode().lstrip("/") if named else ""
    found = next((one for one in root.rglob(Path(loader).name) if one.is_file()), None)
    if not found:
        raise NotInstallable(f"no loader of {program} was unpacked")
    folders = ":".join(str(each) for each in (root / "usr/lib").iterdir() if each.is_dir())
    listed = run([str(found), "--library-path", folders, "--list", str(root / program)])
    if "not found" in listed:
        raise NotInstallable(f"libraries of {program} are missing: {listed}")
    copies = {loader: found, program: root / program}
    copies |= {path.relative_to(root).as_posix(): path for path in map(Path, re.findall(rf"{root}/\S+", listed))}
    for name, source in copies.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target / name)
    return target


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
