"""The `http` probe: where it lets itself be sent."""

import socket
from collections.abc import Callable, Mapping

import pytest

from deploykit.probes import HttpProbe
from deploykit.protocols import ProbeVerdict, Verdict
from deploykit.release import Instance

Handle = Callable[[socket.socket, bytes], None]
Site = Callable[[Mapping[str, str]], int]
HEALTHY = Verdict(ProbeVerdict.healthy)
WEB = Instance(id="a" * 64, service="web", status="running", address="127.0.0.1")
TLS_HINT = (
    "; it redirects to https (Django's SECURE_SSL_REDIRECT?): "
    'use https, or set headers = { X-Forwarded-Proto = "https" }'
)


def unhealthy(reason: str) -> Verdict:
    return Verdict(ProbeVerdict.unhealthy, reason)


def look(port: int, timeout: float = 30.0, **headers: str) -> Verdict:
    return HttpProbe(port=port, headers=headers).look([WEB], timeout)


@pytest.fixture
def seen() -> list[str]:
    """The paths that were asked for, in order."""
    return []


@pytest.fixture
def site(serve: Callable[..., int], seen: list[str]) -> Site:
    """Serve a site that redirects from path to place, and is fine elsewhere; `{port}` in a place is its own."""

    def start(places: Mapping[str, str], status: int = 302) -> int:
        def handle(connection: socket.socket, request: bytes) -> None:
            path = request.split()[1].decode()
            seen.append(path)
            place = places.get(path, "").replace("{port}", str(connection.getsockname()[1]))
            first, location = (status, f"Location: {place}\r\n") if place else (200, "")
            connection.sendall(f"HTTP/1.1 {first} X\r\n{location}Content-Length: 0\r\n\r\n".encode())

        return serve(handle)

    return start


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("place", ["/login/", "login/", "http://127.0.0.1:{port}/login/", "//127.0.0.1:{port}/login/"])
def test_redirects_within_the_place_are_followed(
    site: Callable[..., int], seen: list[str], status: int, place: str
) -> None:
    """Every redirect to the same host and port is followed, however it is written."""
    assert look(site({"/": place}, status=status)) == HEALTHY
    assert seen == ["/", "/login/"]


def test_three_redirects_are_followed(site: Site, seen: list[str]) -> None:
    """Three redirects are followed."""
    assert look(site({"/": "/1", "/1": "/2", "/2": "/3"})) == HEALTHY
    assert seen == ["/", "/1", "/2", "/3"]


def test_a_fourth_redirect_is_unhealthy(site: Site, seen: list[str]) -> None:
    """A fourth redirect is unhealthy, and the reason tells where it led."""
    port = site({"/": "/1", "/1": "/2", "/2": "/3", "/3": "/4?next=secret"})
    reason = f"redirected more than 3 times, at last to http://127.0.0.1:{port}/4?…"
    assert look(port) == unhealthy(reason)
    assert len(seen) == 4


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("http://sso.example/login?next=/", "http://sso.example/login?…"),
        ("http://me:pw@sso.example/", "http://sso.example/"),
        ("//sso.example/", "http://sso.example/"),
        ("http://127.0.0.1:1/", "http://127.0.0.1:1/"),
        ("http://127.0.0.1/", "http://127.0.0.1/"),
        ("http://127.0.0.1.sso.example:{port}/", "http://127.0.0.1.sso.example:{port}/"),
        ("ftp://127.0.0.1:{port}/", "ftp://127.0.0.1:{port}/"),
        ("file:///etc/passwd", "file:///etc/passwd"),
        ("http://sso.example/\x1b[2J", "http://sso.example/\\x1b[2J"),
    ],
)
def test_redirects_elsewhere_are_unhealthy(site: Site, place: str, shown: str) -> None:
    """Another host, port or protocol is not asked, and the reason names it."""
    port = site({"/": place})
    assert look(port) == unhealthy(f"redirected to {shown.replace('{port}', str(port))}, which is elsewhere")


def test_the_host_that_was_sent_is_the_same_place(site: Site, seen: list[str]) -> None:
    """A redirect to the Host of the configuration stays where the request went."""
    assert look(site({"/": "http://sandmatch.example/health/"}), Host="sandmatch.example") == HEALTHY
    assert seen == ["/", "/health/"]


def test_headers_go_along(serve: Callable[..., int]) -> None:
    """The headers of the configuration are sent again after a redirect."""
    requests: list[bytes] = []

    def handle(connection: socket.socket, request: bytes) -> None:
        requests.append(request)
        first = b"302 Found\r\nLocation: /x" if len(requests) == 1 else b"200 OK"
        connection.sendall(b"HTTP/1.1 " + first + b"\r\nContent-Length: 0\r\n\r\n")

    assert look(serve(handle), Host="sandmatch.example") == HEALTHY
    assert [request.lower().count(b"host: sandmatch.example") for request in requests] == [1, 1]


def test_https_on_the_virtual_host_gets_a_hint(site: Site) -> None:
    """A redirect to https under the Host of the configuration is elsewhere, and comes with a hint."""
    verdict = look(site({"/": "https://sandmatch.example/"}), Host="sandmatch.example")
    assert verdict == unhealthy("redirected to https://sandmatch.example/, which is elsewhere" + TLS_HINT)


def test_https_that_cannot_connect_gets_a_hint(site: Site, closed_port: int) -> None:
    """A redirect to https on the same host that does not answer comes with a hint."""
    assert look(site({"/": f"https://127.0.0.1:{closed_port}/"})) == unhealthy("connection refused" + TLS_HINT)


def test_https_that_is_none_gets_a_hint(site: Site, serve: Callable[..., int]) -> None:
    """A redirect to https at a port that speaks http comes with a hint."""
    plain = serve(lambda connection, _: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    verdict = look(site({"/": f"https://127.0.0.1:{plain}/"}))
    assert verdict == unhealthy("TLS: wrong version number" + TLS_HINT)


def test_https_that_says_nothing_gets_a_hint(site: Site) -> None:
    """A redirect to https that never answers ends in time, and comes with a hint."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = site({"/": f"https://127.0.0.1:{silent.getsockname()[1]}/"})
        assert look(port, timeout=0.2) == unhealthy("no answer within 0.2s" + TLS_HINT)


def test_a_post_is_not_sent_again(site: Site, seen: list[str]) -> None:
    """Only requests that change nothing follow redirects."""
    port = site({"/": "/x"})
    assert HttpProbe(port=port, method="POST").look([WEB], 30.0) == unhealthy("answered 302")
    assert seen == ["/"]


def test_a_redirect_to_nowhere_is_unhealthy(serve: Callable[..., int], respond: Callable[..., Handle]) -> None:
    """A redirect without a Location, or with one that is no URL, is unhealthy."""
    assert look(serve(respond(status=302))) == unhealthy("answered 302")
    verdict = look(serve(respond(status=302, headers={"Location": "http://[::1/"})))
    assert verdict.reason.startswith("not a valid HTTP answer: ")
