"""The `http` probe: what it asks, and what it makes of the status."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

from deploykit.errors import ConfigError
from deploykit.probes import HttpProbe
from deploykit.protocols import ProbeVerdict, Verdict
from deploykit.release import Instance

Handle = Callable[[socket.socket, bytes], None]
HEALTHY = Verdict(ProbeVerdict.healthy)


def unhealthy(reason: str) -> Verdict:
    return Verdict(ProbeVerdict.unhealthy, reason)


def instance(address: str | None = "127.0.0.1", name: str = "web-1") -> Instance:
    return Instance(id="a" * 64, name=name, service="web", status="running", address=address)


def headers_of(request: bytes) -> list[tuple[str, str]]:
    lines = request.decode("latin-1").split("\r\n")[1:-2]
    return [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]


# What is asked


def test_the_url_is_asked_once(serve: Callable[..., int], respond: Callable[..., Handle]) -> None:
    """A fixed URL is asked once, whatever the instances, as it is written and without asking for compression."""
    seen: list[bytes] = []
    port = serve(respond(seen=seen))
    probe = HttpProbe(url=f"http://127.0.0.1:{port}/api/health/?full=1")
    assert probe.look([instance(), instance()], 30.0) == HEALTHY
    assert [request.split(b"\r\n")[0] for request in seen] == [b"GET /api/health/?full=1 HTTP/1.1"]
    headers = headers_of(seen[0])
    assert ("host", f"127.0.0.1:{port}") in headers
    assert ("accept-encoding", "identity") in headers
    assert ("connection", "close") in headers


@pytest.mark.parametrize("rest", ["", "?", "?full=1"])
def test_a_url_without_a_path_asks_the_root(
    serve: Callable[..., int], respond: Callable[..., Handle], rest: str
) -> None:
    """A URL without a path asks for `/`."""
    seen: list[bytes] = []
    assert HttpProbe(url=f"http://127.0.0.1:{serve(respond(seen=seen))}{rest}").look([], 30.0) == HEALTHY
    assert seen[0].split()[1] == b"/" + rest.encode().rstrip(b"?")


def test_letters_beyond_ascii_are_quoted(serve: Callable[..., int], respond: Callable[..., Handle]) -> None:
    """A path may have letters of any language, and what is quoted already stays so."""
    seen: list[bytes] = []
    assert HttpProbe(port=serve(respond(seen=seen)), path="/grün%20/").look([instance()], 30.0) == HEALTHY
    assert seen[0].startswith(b"GET /gr%C3%BCn%20/ HTTP/1.1\r\n")


@pytest.mark.parametrize("name", ["Host", "host", "HOST"])
def test_the_host_header_is_sent_once(serve: Callable[..., int], respond: Callable[..., Handle], name: str) -> None:
    """A Host of the configuration goes out instead of the URL's, and once."""
    seen: list[bytes] = []
    probe = HttpProbe(port=serve(respond(seen=seen)), headers={name: "sandmatch.example", "accept": "text/plain"})
    assert probe.look([instance()], 30.0) == HEALTHY
    headers = headers_of(seen[0])
    assert [value for key, value in headers if key == "host"] == ["sandmatch.example"]
    assert [value for key, value in headers if key == "accept"] == ["text/plain"]


def test_the_method_is_sent(serve: Callable[..., int], respond: Callable[..., Handle]) -> None:
    """The method of the configuration is used."""
    seen: list[bytes] = []
    assert HttpProbe(port=serve(respond(seen=seen)), method="HEAD").look([instance()], 30.0) == HEALTHY
    assert seen[0].startswith(b"HEAD / ")


def test_every_instance_is_asked_at_its_own_address(serve: Callable[..., int], respond: Callable[..., Handle]) -> None:
    """With a port every instance is asked, at its own address and that port."""
    seen: list[bytes] = []
    port = serve(respond(seen=seen), host="0.0.0.0")
    probe = HttpProbe(port=port, path="/ok")
    assert probe.look([instance("127.0.0.1:1"), instance("127.0.0.2")], 30.0) == HEALTHY
    hosts = [value for request in seen for key, value in headers_of(request) if key == "host"]
    assert sorted(hosts) == [f"127.0.0.1:{port}", f"127.0.0.2:{port}"]  # they are asked at once


def test_placeholders_are_the_instances_own(serve: Callable[..., int], respond: Callable[..., Handle]) -> None:
    """`{host}` and `{port}` stand for the address and the port of each instance."""
    ports = [serve(respond()), serve(respond(status=500))]
    probe = HttpProbe(url="http://{host}:{port}/")
    good, bad = (instance(f"127.0.0.1:{port}", f"web-{port}") for port in ports)
    assert probe.look([good], 30.0) == HEALTHY
    assert probe.look([good, bad], 30.0) == unhealthy(f"{bad.name}: answered 500")


@pytest.mark.parametrize("address", ["::1", "[::1]", "[::1]:1"])
def test_ipv6_addresses_work(serve: Callable[..., int], respond: Callable[..., Handle], address: str) -> None:
    """An instance can be at an IPv6 address, in any spelling."""
    port = serve(respond(), host="::1")
    assert HttpProbe(port=port).look([instance(address)], 30.0) == HEALTHY
    assert HttpProbe(url=f"http://{{host}}:{port}/").look([instance(address)], 30.0) == HEALTHY


@pytest.mark.parametrize(
    ("url", "address", "reason"),
    [
        ("http://{host}/", None, "the instance has no address"),
        ("http://{host}:{port}/", "127.0.0.1", "the instance's address tells no port"),
        ("http://{host}/", "127.0.0.1:x", "the instance's address is not one: 127.0.0.1:x"),
    ],
)
def test_an_unknown_address_is_unhealthy(url: str, address: str | None, reason: str) -> None:
    """An instance whose address is not known is unhealthy."""
    assert HttpProbe(url=url).look([instance(address)], 30.0) == unhealthy(reason)


def test_no_instances_is_unhealthy() -> None:
    """Without an instance there is nothing healthy."""
    assert HttpProbe(port=1).look([], 30.0) == unhealthy("no instance to look at")


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_proxies_are_ignored(
    serve: Callable[..., int],
    respond: Callable[..., Handle],
    monkeypatch: pytest.MonkeyPatch,
    closed_port: int,
    variable: str,
) -> None:
    """A proxy of the environment is not asked."""
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv(variable, f"http://127.0.0.1:{closed_port}")
    assert HttpProbe(port=serve(respond())).look([instance()], 30.0) == HEALTHY


# The status


@pytest.mark.parametrize(
    ("status", "accepted", "healthy"),
    [
        (200, None, True),
        (299, None, True),
        (304, None, False),
        (404, None, False),
        (401, 401, True),
        (200, 401, False),
        (503, (200, 503), True),
        (302, 302, True),
    ],
)
def test_accepted_statuses(
    serve: Callable[..., int],
    respond: Callable[..., Handle],
    status: int,
    accepted: int | tuple[int, ...] | None,
    healthy: bool,
) -> None:
    """Any 2xx is healthy, or else exactly the statuses that the configuration names."""
    port = serve(respond(status=status, headers={"Location": "/"}))
    assert HttpProbe(port=port, status=accepted).look([instance()], 30.0).healthy == healthy


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        (b"", "text/plain", "answered 500"),
        (b"no such table:\r\n  users\n", "text/plain", "answered 500: no such table: users"),
        (b'{"ok": false}', "application/problem+json", 'answered 500: {"ok": false}'),
        (b"\x1b[2J\x07boom", "text/plain", "answered 500: \\x1b[2J\\x07boom"),
        (b"x" * 101, "text/html; charset=utf-8", "answered 500: " + "x" * 99 + "…"),
        (b"x" * 5000, "text/html", "answered 500"),
        (b"\xff\xfe", "text/plain", "answered 500"),
        (b"png", "image/png", "answered 500"),
    ],
)
def test_a_short_text_is_told(
    serve: Callable[..., int], respond: Callable[..., Handle], body: bytes, kind: str, reason: str
) -> None:
    """The reason has the status, and at most 100 printable characters of a short text."""
    assert HttpProbe(port=serve(respond(body, 500, kind))).look([instance()], 30.0) == unhealthy(reason)


def test_400_gets_a_hint(serve: Callable[..., int], respond: Callable[..., Handle]) -> None:
    """A 400 comes with a hint at the Host that an app may want."""
    reason = HttpProbe(port=serve(respond(b"", 400))).look([instance()], 30.0).reason
    assert reason == 'answered 400 (Django\'s ALLOWED_HOSTS? set headers = { Host = "…" })'


# Secrets


def test_secrets_that_come_back_are_not_told(serve: Callable[..., int]) -> None:
    """An app that echoes what it got brings no secret of the request into the reason."""

    def echo(connection: socket.socket, request: bytes) -> None:
        body = b"|".join(line for line in request.split(b"\r\n") if line.startswith((b"A", b"C", b"X", b"GET")))
        head = f"HTTP/1.1 403 No\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)

    secrets = {"Authorization": "Bearer hunter2hunter2", "Cookie": "sid=s3cr3ts3cr3t", "X-Api-Key": "k"}
    url = f"http://127.0.0.1:{serve(echo)}/?token=t0kent0ken"
    for headers in ({name: value} for name, value in secrets.items()):
        reason = HttpProbe(url=url, headers=headers).look([], 30.0).reason
        assert "***" in reason
        assert not [s for s in ("hunter2", "s3cr3t", "Key: k", "t0ken") if s in reason]


@pytest.mark.parametrize("answer", [b"HTTP/1.1 302 Go\r\nLocation: //elsewhere/hunter2/\r\n\r\n", b"hunter2\r\n"])
def test_secrets_in_other_reasons_are_not_told(serve: Callable[..., int], answer: bytes) -> None:
    """A secret that comes back in a redirect, or in what is not HTTP, is blanked out too."""
    port = serve(lambda connection, _: connection.sendall(answer))
    reason = HttpProbe(port=port, headers={"Authorization": "hunter2"}).look([instance()], 30.0).reason
    assert "***" in reason
    assert "hunter2" not in reason


def test_userinfo_is_sent_and_never_told(serve: Callable[..., int], respond: Callable[..., Handle]) -> None:
    """A user and password in the URL go out as a header, and show nowhere."""
    seen: list[bytes] = []
    port = serve(respond(b"got bWU6cEBzcw== of me:p@ss, me:p%40ss", 500, "text/plain", seen=seen))
    probe = HttpProbe(url=f"http://me:p%40ss@127.0.0.1:{port}/")
    assert probe.look([], 30.0) == unhealthy("answered 500: got ***== of ***, ***")
    assert ("authorization", "Basic bWU6cEBzcw==") in headers_of(seen[0])
    assert ("host", f"127.0.0.1:{port}") in headers_of(seen[0])
    assert probe.name == f"http http://127.0.0.1:{port}/"


def test_the_repr_keeps_secrets() -> None:
    """The repr is the name: no header, no userinfo and no query."""
    probe = HttpProbe(url="http://me:pw@localhost:8000/x?t=1", headers={"Cookie": "hunter2"})
    assert repr(probe) == "HttpProbe('http http://localhost:8000/x?…')"


# The configuration


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"url": "http://localhost:8000/api/health/"}, "http http://localhost:8000/api/health/"),
        ({"port": 8000, "path": "/api/health/"}, "http :8000/api/health/"),
        ({"url": "https://{host}:{port}/x"}, "http https://{host}:{port}/x"),
    ],
)
def test_the_name_tells_what_is_asked(settings: dict[str, Any], name: str) -> None:
    """Its name is the URL, or port and path."""
    assert HttpProbe(**settings).name == name


@pytest.mark.parametrize(
    ("key", "settings"),
    [
        ("url", {}),
        ("url", {"url": "http://localhost/", "port": 80}),
        ("url", {"url": "http://localhost/", "path": "/x"}),
        ("url", {"url": ""}),
        ("url", {"url": "ftp://localhost/"}),
        ("url", {"url": "localhost:8000"}),
        ("url", {"url": "http://:8000/"}),
        ("url", {"url": "http:///x"}),
        ("url", {"url": "http://localhost:0/"}),
        ("url", {"url": "http://localhost:65536/"}),
        ("url", {"url": "http://localhost:x/"}),
        ("url", {"url": "http://[::1/"}),
        ("url", {"url": "http://local host/"}),
        ("url", {"url": "http://localhost/\n"}),
        ("url", {"url": "http://{hots}/"}),
        ("url", {"url": "http://{host/"}),
        ("port", {"port": 0}),
        ("port", {"port": 65536}),
        ("path", {"port": 80, "path": "x"}),
        ("path", {"port": 80, "path": "/x y"}),
        ("path", {"port": 80, "path": "/\r\nX: y"}),
        ("method", {"port": 80, "method": "get"}),
        ("method", {"port": 80, "method": "GET / HTTP/1.1\r\n"}),
        ("timeout", {"port": 80, "timeout": 0}),
        ("timeout", {"port": 80, "timeout": float("nan")}),
        ("status", {"port": 80, "status": 99}),
        ("status", {"port": 80, "status": (200, 600)}),
        ("status", {"port": 80, "status": ()}),
        ("require.'a..b'", {"port": 80, "require": {"a..b": 1}}),
        ("require.'a'", {"port": 80, "require": {"a": float("nan")}}),
        ("warn.''", {"port": 80, "warn": {"": 1}}),
        ("warn.'a'", {"port": 80, "warn": {"a": b"bytes"}}),
        ("ca_file", {"port": 80, "ca_file": "/no/such/file"}),
    ],
)
def test_what_is_wrong_is_named(key: str, settings: dict[str, Any]) -> None:
    """A wrong value is a configuration error that begins with its key."""
    with pytest.raises(ConfigError) as caught:
        HttpProbe(**settings)
    assert str(caught.value).startswith(f"{key}: ")


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Evil": "hunter2\r\nX-More: 1"},
        {"X-Evil": "hunter2\n continued"},
        {"X-Evil": "hunter2\x00"},
        {"X-Evil": "hunter2\x1b"},
        {"X-Evil": "hunter2 ✓"},
        {"X-Evil\r\n": "hunter2"},
        {"X-Evil:": "hunter2"},
    ],
)
def test_hostile_headers_are_refused(headers: dict[str, str]) -> None:
    """A header that would break out of its line is a configuration error that names it and keeps its value."""
    with pytest.raises(ConfigError, match=r"headers\.'X-Evil") as caught:
        HttpProbe(port=80, headers=headers)
    assert "hunter2" not in str(caught.value)


def test_a_header_cannot_be_there_twice() -> None:
    """The same header in two spellings is a configuration error."""
    with pytest.raises(ConfigError, match="headers: "):
        HttpProbe(port=80, headers={"Host": "a", "host": "b"})
