"""The `http` probe: certificates."""

import re
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from deploykit.errors import ConfigError
from deploykit.probes import HttpProbe
from deploykit.protocols import ProbeVerdict, Verdict
from deploykit.release import Instance

Handle = Callable[[socket.socket, bytes], None]
HEALTHY = Verdict(ProbeVerdict.healthy)
WEB = Instance(id="a" * 64, service="web", status="running", address="127.0.0.1")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost that nobody signed, in a file with its key."""
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    whose = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]
    subprocess.run([*new, *whose, "-keyout", str(file), "-out", f"{file}.crt"], check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + Path(f"{file}.crt").read_bytes())
    return file


@pytest.fixture
def https(serve: Callable[..., int], respond: Callable[..., Handle], certificate: Path) -> int:
    """The port of an https server with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return serve(respond(b'{"ok": true}'), tls=context)


def test_an_unknown_issuer_is_refused(https: int) -> None:
    """By default a certificate that nobody signed is unhealthy, and the reason says what can be done."""
    verdict = HttpProbe(url=f"https://localhost:{https}/").look([], 30.0)
    assert verdict.verdict is ProbeVerdict.unhealthy
    assert re.fullmatch("TLS: self.signed certificate: set ca_file, or verify = false", verdict.reason)


def test_a_known_issuer_is_accepted(https: int, certificate: Path) -> None:
    """A certificate that `ca_file` vouches for is accepted, and the body is read."""
    probe = HttpProbe(url=f"https://localhost:{https}/", ca_file=str(certificate), require={"ok": True})
    assert probe.look([], 30.0) == HEALTHY
    assert probe.look([], 30.0) == HEALTHY


def test_another_name_is_refused(https: int, certificate: Path) -> None:
    """A certificate for another name is unhealthy, though its issuer is known."""
    verdict = HttpProbe(url=f"https://{{host}}:{https}/", ca_file=str(certificate)).look([WEB], 30.0)
    assert verdict.verdict is ProbeVerdict.unhealthy
    assert "127.0.0.1" in verdict.reason


def test_unverified_is_accepted_when_told(https: int) -> None:
    """With `verify` off any certificate is accepted, for any name."""
    assert HttpProbe(url=f"https://127.0.0.1:{https}/", verify=False).look([], 30.0) == HEALTHY


def test_a_redirect_to_https_is_followed(serve: Callable[..., int], respond: Callable[..., Handle], https: int) -> None:
    """A redirect from http to https on the same host is followed."""
    http = serve(respond(status=301, headers={"Location": f"https://localhost:{https}/"}))
    assert HttpProbe(url=f"http://localhost:{http}/", verify=False).look([], 30.0) == HEALTHY


def test_a_redirect_down_to_http_is_not_followed(
    serve: Callable[..., int], respond: Callable[..., Handle], certificate: Path
) -> None:
    """A redirect from https to http is elsewhere, even on the same host."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    port = serve(respond(status=301, headers={"Location": "http://localhost/"}), tls=context)
    verdict = HttpProbe(url=f"https://localhost:{port}/", verify=False).look([], 30.0)
    assert verdict == Verdict(ProbeVerdict.unhealthy, "redirected to http://localhost/, which is elsewhere")


def test_plain_http_at_an_https_url_is_unhealthy(serve: Callable[..., int]) -> None:
    """A server that speaks no TLS is unhealthy with a reason."""
    port = serve(lambda connection, _: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    verdict = HttpProbe(url=f"https://localhost:{port}/").look([], 30.0)
    assert verdict == Verdict(ProbeVerdict.unhealthy, "TLS: wrong version number")


def test_a_slow_answer_over_tls_ends_in_time(serve: Callable[..., int], certificate: Path) -> None:
    """A look that is cut in the middle of a TLS answer ends cleanly, with nothing left open."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def handle(connection: socket.socket, request: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx")
        connection.recv(1)

    port = serve(handle, tls=context)
    verdict = HttpProbe(url=f"https://localhost:{port}/", verify=False, timeout=0.3).look([], 60.0)
    assert verdict == Verdict(ProbeVerdict.unhealthy, "no answer within 0.3s")


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_ca_file_without_certificates_is_refused(tmp_path: Path, content: str | None) -> None:
    """A `ca_file` that is missing or holds no certificate is a configuration error that names the key."""
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=r"^ca_file: "):
        HttpProbe(url="https://localhost/", ca_file=str(file))
