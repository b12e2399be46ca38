"""The doors to the real world, under a fake."""

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deploykit.backends.docker import DockerBackend
from deploykit.backends.process import ProcessBackend
from deploykit.probes import HttpProbe, TcpProbe
from deploykit.protocols import Control, PullPolicy
from deploykit.release import ImageRef, Release
from deploykit.testing import Fake, RealWorldTouched
from deploykit.testing.doors import Doors


def ask_docker() -> None:
    subprocess.run(["docker", "ps"], check=False)


def ask_docker_s_socket() -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect("/nowhere/docker.sock")


def ask_by_a_shell() -> None:
    subprocess.run("true && docker compose up", shell=True, check=False)


def ask_another_deploykit() -> None:
    subprocess.run([sys.executable, "-m", "deploykit", "run"], check=False)


def ask_a_backend() -> None:
    DockerBackend(name="shop", state=Path("no")).identity()


def start_a_process(folder: Path) -> None:
    (folder / "releases" / "one").mkdir(parents=True)
    backend = ProcessBackend(name="shop", command=["true"], base=folder, state=folder / "state")
    image = backend.pull(ImageRef("shop", "one"), PullPolicy.always, Control())
    snapshot = backend.snapshot(image)
    backend._files.keep("r1", snapshot)
    backend.start(Release("r1", image, snapshot.parts), Control())


@pytest.mark.parametrize(
    "touch", [ask_docker, ask_docker_s_socket, ask_by_a_shell, ask_another_deploykit, ask_a_backend]
)
def test_a_touch_of_an_engine_is_an_error(touch: Callable[[], None]) -> None:
    """Whoever does it; another process of deploykit would know of no fake."""
    with pytest.raises(RealWorldTouched, match=r"docker|deploykit"), Fake():
        touch()


def test_a_process_is_not_started(tmp_path: Path) -> None:
    """By a real backend."""
    with pytest.raises(RealWorldTouched, match="the program"), Fake():
        start_a_process(tmp_path)


@pytest.mark.parametrize("probe", [HttpProbe(url="http://127.0.0.1:9/"), TcpProbe(port=9, host="127.0.0.1")])
def test_a_probe_asks_nobody(probe: HttpProbe | TcpProbe) -> None:
    """Though it makes a verdict of all that a network can do."""
    with pytest.raises(RealWorldTouched, match="a connection to"), Fake():
        probe.look([], 1)


def test_a_touch_that_is_swallowed_is_an_error_in_the_end() -> None:
    """Scripts may catch all that there is."""

    def swallow() -> None:
        with Fake():
            try:
                ask_docker()
            except Exception:  # noqa: BLE001 - as scripts do
                return

    with pytest.raises(AssertionError, match="the script touched the real world: the program docker"):
        swallow()


def test_what_the_script_does_by_itself_is_its_own_affair() -> None:
    """It may run programs, and ask the network; afterwards everything is as it was."""
    with Fake(), socket.create_server(("127.0.0.1", 0)) as server:
        assert subprocess.run([sys.executable, "-c", "'docker'"], check=False).returncode == 0
        assert subprocess.run(["echo", "docker", "ps"], check=False, capture_output=True).returncode == 0
        socket.create_connection(server.getsockname()).close()
    with Doors() as doors:
        pass
    assert doors.touched == []
