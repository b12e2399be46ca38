"""The programs that the engine tests need beside an engine: found, or taken out of Debian's packages."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from scripts.commands import CommandFailed, run, works
from scripts.packages import NotInstallable, fetch, fetch_of_suite, is_root

CACHE = Path(__file__).resolve().parent.parent / ".cache"
TOOLS = CACHE / "tools"
PATHS = f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin:{TOOLS}"
COMPOSE = "docker-compose"
COMPOSE_SUITE = "trixie"
COMPOSE_MEMBER = "usr/libexec/docker/cli-plugins/docker-compose"


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
