"""Probes aimed at an instance beside what serves: they ask the same of it, or say that they cannot."""

from base64 import b64encode

import pytest

from deploykit.probes import CommandProbe, ContainerProbe, HttpProbe, TcpProbe
from deploykit.protocols import Execution

PUBLISHED = {8000: 80, 80: 8080}


@pytest.mark.parametrize(
    ("url", "own", "host"),
    [
        ("http://localhost:8000/api/health/", "http://{host}:80/api/health/", "localhost:8000"),
        ("http://127.0.0.1:8000/?a=1", "http://{host}:80/?a=1", "127.0.0.1:8000"),
        ("http://[::1]:8000/", "http://{host}:80/", "[::1]:8000"),
        ("http://0.0.0.0:8000/", "http://{host}:80/", "0.0.0.0:8000"),
        ("http://localhost/", "http://{host}:8080/", "localhost"),
    ],
)
def test_a_published_port_becomes_the_instance_s_own(url: str, own: str, host: str) -> None:
    """The app is asked by the name that it is asked by in earnest."""
    aimed = HttpProbe(url=url).aimed(PUBLISHED)
    assert aimed
    assert (aimed.url, aimed.headers) == (own, {"Host": host})


@pytest.mark.parametrize(
    "url",
    [
        "https://localhost:8000/",
        "http://shop.example:8000/",
        "http://10.0.0.1:8000/",
        "http://localhost:9000/",
        "http://localhost.shop.example:8000/",
    ],
)
def test_what_would_ask_what_serves_is_not_sent(url: str) -> None:
    """Another host, or a port that is not the release's; TLS, whose certificate is not for an address."""
    assert HttpProbe(url=url).aimed(PUBLISHED) is None


@pytest.mark.parametrize("published", [{}, {9000: 90}])
def test_without_that_port_it_cannot_ask(published: dict[int, int]) -> None:
    """The proxy of another service publishes it, say."""
    assert HttpProbe(url="http://localhost:8000/").aimed(published) is None


@pytest.mark.parametrize(
    "probe",
    [
        HttpProbe(url="http://{host}:8000/"),
        HttpProbe(url="https://{host}/"),
        HttpProbe(port=8000, path="/health"),
        TcpProbe(port=8000),
        ContainerProbe(),
        CommandProbe(argv=("true",), execute=lambda *_: Execution(0, "")),
    ],
    ids=lambda probe: str(probe.name),
)
def test_what_asks_the_instance_itself_stays_as_it_is(
    probe: HttpProbe | TcpProbe | ContainerProbe | CommandProbe,
) -> None:
    """By its own address, by the runtime, or inside it."""
    assert probe.aimed(PUBLISHED) is probe


def test_the_host_header_of_the_config_is_kept() -> None:
    """Django answers to no other."""
    aimed = HttpProbe(url="http://localhost:8000/", headers={"Host": "sandmatch.example", "X-A": "b"}).aimed(PUBLISHED)
    assert aimed
    assert aimed.headers == {"Host": "sandmatch.example", "X-A": "b"}


def test_who_asks_is_kept() -> None:
    """User and password of the URL go as a header; they are not in the new URL."""
    aimed = HttpProbe(url="http://ops:s%40crt@localhost:8000/").aimed(PUBLISHED)
    assert aimed
    basic = b64encode(b"ops:s@crt").decode()
    assert aimed.url == "http://{host}:80/"
    assert aimed.headers == {"Host": "localhost:8000", "Authorization": f"Basic {basic}"}


def test_everything_else_is_kept() -> None:
    """What must stand in the answer, the limits, and whose instances they are."""
    probe = HttpProbe(
        url="http://localhost:8000/", method="HEAD", timeout=2.0, status=204, require={"ok": True}, service="web"
    )
    aimed = probe.aimed(PUBLISHED)
    assert aimed
    assert (aimed.method, aimed.timeout, aimed.status, aimed.require, aimed.service) == (
        "HEAD",
        2.0,
        204,
        {"ok": True},
        "web",
    )


def test_a_tcp_probe_of_a_published_port_asks_the_instance() -> None:
    """At its own port, and its own address."""
    aimed = TcpProbe(host="localhost", port=8000, timeout=2.0, service="web").aimed(PUBLISHED)
    assert aimed == TcpProbe(host=None, port=80, timeout=2.0, service="web")
    assert TcpProbe(host="shop.example", port=8000).aimed(PUBLISHED) is None
    assert TcpProbe(host="localhost", port=9000).aimed(PUBLISHED) is None
