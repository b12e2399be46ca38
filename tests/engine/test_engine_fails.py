"""The engine dies, hangs and comes back, and the machine is rebooted, in every state: nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from scripts.packages import is_root
from scripts.registry import OwnRegistry
from scripts.sweep import sweep_images
from tests.engine.support import killable
from tests.engine.support.docker import docker
from tests.engine.support.images import Behaviour, Images
from tests.engine.support.ownengine import OwnEngine
from tests.engine.support.project import clean
from tests.engine.support.told import unbroken

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scripts.registry import Registry

pytestmark = [
    pytest.mark.xdist_group("own engine"),
    pytest.mark.skipif(not is_root(), reason="no engine: an engine of the test's own needs root"),
]

REPOSITORY = "example.org/shop/web"
BEHAVIOURS: dict[str, Behaviour] = {"a": {}, "b": {"start_delay": 2}, "bad": {"exit_after": 0, "exit_code": 3}}
CONFIG = """\
[app]
name = "shop"
image = "{repository}"

[backend]
type = "docker"
pull = "never"
restart = "always"

[health]
attempts = 20
interval = 0.5

[[health.probe]]
type = "command"
argv = ["/bin/busybox", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8000/api/health/"]
"""
STATES = ["saved", "starting", "checking", "rolling_back"]
STARTED = {"starting", "checking"}


@dataclass
class Shop:
    """An app on an engine of its own."""

    engine: OwnEngine
    folder: Path

    def run(self, *argv: str, point: str = "", timeout: float = 120) -> subprocess.CompletedProcess[str]:
        process = self.start(*argv, point=point)
        out, err = process.communicate(timeout=timeout)
        assert "Traceback" not in out + err, out + err
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def start(self, *argv: str, point: str = "") -> subprocess.Popen[str]:
        program = killable.program(point) if point else [sys.executable, "-m", "deploykit"]
        return subprocess.Popen(
            [*program, *argv],
            cwd=self.folder,
            env=clean(self.engine.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def reach(self, state: str, tag: str) -> subprocess.Popen[str]:
        """Start a deploy, and return when it has told that it is in that state."""
        process = self.start("run", "--tag", tag, "--json")
        assert process.stdout
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "state.changed" and event["target"] == state:
                return process
        raise AssertionError(f"it never was {state}")

    def serves(self) -> str:
        """Assert that exactly one container runs, and that the journal agrees; return its tag."""
        said: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        running = self.engine.docker("ps", "--format", '{{.Label "org.deploykit.image"}}').split()
        assert len(running) == 1, running
        assert running[0].endswith(f":{said['current']['tag']}")
        assert said["lock"] is None
        assert said["outcome"] is not None
        return str(said["current"]["tag"])


@pytest.fixture(scope="module")
def engine(base_image: str, registry: Registry) -> Iterator[OwnEngine]:
    """One that all tests of this file share, with the images at hand; those that kill it start it again."""
    made = OwnEngine()
    try:
        made.start()
        _stock(made, Images(registry, base_image))
        yield made
    finally:
        made.remove()


def _stock(engine: OwnEngine, images: Images) -> None:
    """Give an engine that reaches no registry what the tests deploy."""
    names = [f"{REPOSITORY}:{tag}" for tag in BEHAVIOURS]
    for name, (tag, behaviour) in zip(names, BEHAVIOURS.items(), strict=True):
        docker("tag", images.push(tag, local=True, **behaviour).reference, name)
    engine.give(*names)
    docker("rmi", *names)
    sweep_images("scope", images.scope)


@pytest.fixture
def shop(engine: OwnEngine, tmp_path: Path) -> Iterator[Shop]:
    """`a` serves; `b` is a good release, `bad` one that crashes."""
    (tmp_path / "shop.toml").write_text(CONFIG.format(repository=REPOSITORY))
    made = Shop(engine, tmp_path)
    done = made.run("run", "--tag", "a")
    assert done.returncode == 0, done.stdout + done.stderr
    yield made
    if ids := engine.docker("ps", "-aq").split():
        engine.docker("rm", "-f", *ids)


@pytest.mark.parametrize("state", ["starting", "checking"])
def test_an_engine_that_is_killed_and_started_again(shop: Shop, state: str) -> None:
    """It is waited for, and the deployment goes on to its end."""
    process = shop.reach(state, "b")
    shop.engine.kill()
    time.sleep(1)  # it is to be missed
    shop.engine.start()
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in out + err
    assert process.returncode in {0, 1}, out + err
    assert shop.serves() == ("b" if process.returncode == 0 else "a")


def test_an_engine_that_hangs_is_waited_for(shop: Shop) -> None:
    """No question to it hangs for longer than 10 s; when it goes on, so does the deployment."""
    process = shop.reach("checking", "b")
    assert shop.engine.process
    os.kill(shop.engine.process.pid, signal.SIGSTOP)
    time.sleep(3)
    os.kill(shop.engine.process.pid, signal.SIGCONT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    assert shop.serves() == "b"


def test_an_engine_that_stays_away(shop: Shop) -> None:
    """3, unfinished, saying what to do; `recover` finishes it when it is back. Then nothing begins: 5."""
    process = shop.start("run", "--tag", "b", point="patience:1")
    assert process.stdout
    assert any("Starting containers" in line for line in process.stdout)
    shop.engine.kill()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3, out + err
    assert "recover" in out
    refused = shop.run("run", "--tag", "b")
    assert refused.returncode == 5, refused.stderr
    shop.engine.start()
    assert shop.run("recover").returncode == 0
    assert shop.serves() == "b"


@pytest.mark.parametrize("state", STATES)
def test_a_reboot_in_every_state(shop: Shop, state: str) -> None:
    """deploykit is killed, all containers stop, those with a restart policy come back; `recover`, at boot, ends it."""
    tag = "bad" if state == "rolling_back" else "b"
    done = shop.run("run", "--tag", tag, point=f"state:{state}")
    assert done.returncode == -signal.SIGKILL
    shop.engine.reboot()
    assert shop.run("recover").returncode == (0 if state in STARTED else 1)
    assert shop.serves() == ("b" if state in STARTED else "a")


def test_a_full_image_store(base_image: str, registry_program: str, tmp_path: Path) -> None:
    """Nothing is touched, and what to do is told; with room again the same deploy goes live."""
    registry = OwnRegistry.create(tmp_path / "registry", registry_program)
    images = Images(registry, base_image)
    for tag in ("a", "b"):
        images.push(tag, weight=8 * (tag == "b"))
    registry.stop()
    (tmp_path / "shop.toml").write_text(CONFIG.format(repository=images.repository).replace('"never"', '"always"'))
    engine = OwnEngine(disk=64)
    shop = Shop(engine, tmp_path)
    try:
        engine.start()
        registry.start(*engine.inside)
        first = shop.run("run", "--tag", "a")
        assert first.returncode == 0, first.stdout + first.stderr
        filler = fill(engine.data, leave=4_000_000)
        done = shop.run("run", "--tag", "b")
        assert done.returncode == 1, done.stdout + done.stderr
        assert "disk is full" in unbroken(done.stdout), done.stdout
        assert shop.serves() == "a"
        filler.unlink()
        assert shop.run("run", "--tag", "b").returncode == 0
        assert shop.serves() == "b"
    finally:
        registry.stop()
        engine.remove()


def fill(folder: Path, leave: int) -> Path:
    """Fill a disk but for so many bytes."""
    filler = folder / "filler"
    filler.write_bytes(b"\0" * (shutil.disk_usage(folder).free - leave))
    return filler
