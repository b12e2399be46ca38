"""Every probe of ours keeps the promises of the contract."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from deploykit.errors import StepFailed
from deploykit.probes import CommandProbe, ContainerProbe, HttpProbe, TcpProbe
from deploykit.protocols import Execution, Probe
from deploykit.release import Health, Instance
from deploykit.testing import FakeProbe
from deploykit.testing.contract import ProbeContract, ProbeStage
from tests.unit.world import World


class Handler(BaseHTTPRequestHandler):
    how: ClassVar = "good"
    over: ClassVar = threading.Event()

    def do_GET(self) -> None:
        if self.how == "silent":
            self.over.wait()
        self.send_response(200 if self.how == "good" else 500)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's
        """Say nothing."""


class HttpStage:
    """A server on this machine."""

    instances: Sequence[Instance] = (Instance("i1", "web", "running", address="127.0.0.1"),)

    def __init__(self, port: int, handler: type[Handler]) -> None:
        self.probe: Probe = HttpProbe(port=port)
        self._handler = handler

    def good(self) -> None:
        self._handler.how = "good"

    def bad(self) -> None:
        self._handler.how = "bad"

    def silent(self) -> None:
        self._handler.how = "silent"


class TestHttp(ProbeContract):
    @pytest.fixture
    def stage(self) -> Iterator[ProbeStage]:
        with served() as (server, handler):
            yield HttpStage(server.server_port, handler)


@contextmanager
def served() -> Iterator[tuple[ThreadingHTTPServer, type[Handler]]]:
    class Own(Handler):
        over = threading.Event()

    handler = Own
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server, handler
        finally:
            handler.over.set()
            server.shutdown()
            thread.join()


class TcpStage:
    """Something that listens, or does not: the probe cannot tell silence from health."""

    instances: Sequence[Instance] = HttpStage.instances

    def __init__(self) -> None:
        with served() as (server, _):
            self._free = server.server_port  # nobody listens there by now
        self.listening = 0

    @property
    def probe(self) -> Probe:
        return TcpProbe(port=self.listening if self.well else self._free)

    def good(self) -> None:
        self.well = True

    def bad(self) -> None:
        self.well = False

    well = True

    def silent(self) -> None:
        pytest.skip("whoever listens is well")


class TestTcp(ProbeContract):
    @pytest.fixture
    def stage(self) -> Iterator[ProbeStage]:
        stage = TcpStage()
        with served() as (server, _):
            stage.listening = server.server_port
            yield stage


class CommandStage:
    """A command that exits with a code, or is ended by the backend in its time."""

    instances: Sequence[Instance] = HttpStage.instances
    code: int | None = 0

    def __init__(self) -> None:
        self.probe: Probe = CommandProbe(argv=("check",), execute=self._execute)

    def _execute(self, instance: Instance, argv: Sequence[str], timeout: float) -> Execution:
        if self.code is None:
            raise StepFailed("it took too long")
        return Execution(self.code, "no database\n")

    def good(self) -> None:
        self.code = 0

    def bad(self) -> None:
        self.code = 1

    def silent(self) -> None:
        self.code = None


class TestCommand(ProbeContract):
    @pytest.fixture
    def stage(self) -> ProbeStage:
        return CommandStage()


class ContainerStage:
    """What the runtime says of an instance."""

    probe: Probe = ContainerProbe()
    health: Health = "healthy"

    @property
    def instances(self) -> Sequence[Instance]:
        return [Instance("i1", "web", "running", health=self.health)]

    def good(self) -> None:
        self.health = "healthy"

    def bad(self) -> None:
        self.health = "unhealthy"

    def silent(self) -> None:
        self.health = "starting"


class TestContainer(ProbeContract):
    @pytest.fixture
    def stage(self) -> ProbeStage:
        return ContainerStage()


class FakeStage:
    """The fake's own probe: what its release's script says."""

    def __init__(self) -> None:
        self.world = World()
        self.world.good("one")
        self.probe: Probe = FakeProbe(self.world.backend)
        self.good()

    @property
    def instances(self) -> Sequence[Instance]:
        return [one.look() for one in self.world.backend.living()]

    def good(self) -> None:
        self.world.backend.serving("one")

    def bad(self) -> None:
        self.world.backend.release("bad").never_ready()
        self.world.backend.serving("bad")

    def silent(self) -> None:
        self.probe = FakeProbe(self.world.backend, takes=60)


class TestFake(ProbeContract):
    @pytest.fixture
    def stage(self) -> ProbeStage:
        return FakeStage()
