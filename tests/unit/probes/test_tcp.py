"""The `tcp` probe."""

import socket
from collections.abc import Callable
from time import monotonic
from typing import Any

import pytest

from deploykit.errors import ConfigError
from deploykit.probes import TcpProbe
from deploykit.probes import tcp as module
from deploykit.protocols import ProbeVerdict, Verdict
from deploykit.release import Instance

HEALTHY = Verdict(ProbeVerdict.healthy)


def instance(address: str | None = "127.0.0.1", name: str = "web-1") -> Instance:
    return Instance(id="a" * 64, name=name, service="web", status="running", address=address)


def nothing(connection: socket.socket, request: bytes) -> None: ...


def test_a_listener_is_healthy(serve: Callable[..., int]) -> None:
    """It is healthy when every instance takes a connection at its own address."""
    port = serve(nothing)
    assert TcpProbe(port=port).look([instance(), instance("127.0.0.1:1")], 30.0) == HEALTHY


def test_a_host_is_looked_at_without_instances(serve: Callable[..., int]) -> None:
    """With a host of its own it needs no instance."""
    assert TcpProbe(port=serve(nothing), host="localhost").look([], 30.0) == HEALTHY


def test_ipv6_addresses_work(serve: Callable[..., int]) -> None:
    """An instance can be at an IPv6 address."""
    port = serve(nothing, host="::1")
    assert TcpProbe(port=port).look([instance("::1"), instance("[::1]:80")], 30.0) == HEALTHY


def test_a_closed_port_is_refused(closed_port: int) -> None:
    """Where nothing listens, the connection is refused."""
    verdict = TcpProbe(port=closed_port).look([instance()], 30.0)
    assert verdict == Verdict(ProbeVerdict.unhealthy, "connection refused")


def test_a_bad_instance_is_named(serve: Callable[..., int]) -> None:
    """Among several instances, the one that fails is named."""
    verdict = TcpProbe(port=serve(nothing)).look([instance(), instance("127.0.0.2", "web-2")], 30.0)
    assert verdict.reason == "web-2: connection refused"


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (None, "the instance has no address"),
        ("", "the instance has no address"),
        ("host:port", "the instance's address is not one: host:port"),
        ("[::1", "the instance's address is not one: [::1"),
    ],
)
def test_an_address_that_is_none_is_unhealthy(address: str | None, reason: str) -> None:
    """An instance whose address is missing or malformed is unhealthy."""
    assert TcpProbe(port=1).look([instance(address)], 30.0) == Verdict(ProbeVerdict.unhealthy, reason)


def test_no_instances_is_unhealthy() -> None:
    """Without an instance it is unhealthy."""
    assert TcpProbe(port=1).look([], 30.0).reason == "no instance to look at"


@pytest.mark.parametrize(("own", "given"), [(0.2, 60.0), (60.0, 0.2)])
def test_a_hanging_name_server_ends_in_time(no_dns: None, own: float, given: float) -> None:
    """The shorter of both limits holds while a name is looked up."""
    began = monotonic()
    verdict = TcpProbe(port=1, host="db.example", timeout=own).look([], given)
    assert verdict.reason == "no answer within 0.2s"
    assert monotonic() - began < 1.2


def test_an_unknown_host_is_unhealthy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that nobody knows is unhealthy."""

    def unknown(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert TcpProbe(port=1, host="db.example").look([], 30.0).reason == "the host name is not known"


def test_a_connection_to_itself_is_no_listener(monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that the kernel connected to itself does not count as somebody who listens."""

    def to_itself(*_: Any) -> socket.socket:
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        sock.connect(sock.getsockname())
        return sock

    monkeypatch.setattr(module, "create_connection", to_itself)
    assert TcpProbe(port=1).look([instance()], 30.0).reason == "connection refused"


@pytest.mark.parametrize(
    ("probe", "name"),
    [
        (TcpProbe(port=5432), "tcp :5432"),
        (TcpProbe(port=5432, host="db"), "tcp db:5432"),
        (TcpProbe(port=5432, host="::1"), "tcp [::1]:5432"),
    ],
)
def test_the_name_tells_where(probe: TcpProbe, name: str) -> None:
    """Its name is host and port."""
    assert probe.name == name


@pytest.mark.parametrize(
    ("key", "settings"),
    [
        ("port", {"port": 0}),
        ("port", {"port": 65536}),
        ("host", {"port": 1, "host": ""}),
        ("host", {"port": 1, "host": "a b"}),
        ("host", {"port": 1, "host": "a\n"}),
        ("timeout", {"port": 1, "timeout": 0}),
    ],
)
def test_what_is_wrong_is_named(key: str, settings: dict[str, Any]) -> None:
    """A wrong value is a configuration error that begins with its key."""
    with pytest.raises(ConfigError, match=f"^{key}: "):
        TcpProbe(**settings)
