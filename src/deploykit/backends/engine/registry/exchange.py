"""One request to a registry and its answer, within a limit of time, and in words when there is none."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from functools import cached_property
from http.client import HTTPException
from pathlib import Path
from time import monotonic
from types import MappingProxyType
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from deploykit.backends.engine.registry.place import Place
from deploykit.clock import in_thread
from deploykit.errors import RegistryFailed

REQUEST_TIMEOUT = 10.0
"""Seconds for one answer, its redirects and its body in it."""
LARGEST = 4 * 1024 * 1024
"""Bytes of an answer: what the Distribution's own registry takes for a manifest."""
_CERTIFICATES = Path("/etc/docker/certs.d")


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, whatever it was."""

    status: int
    headers: Message
    body: bytes


@dataclass(frozen=True)
class Exchange:
    """Speaks to one registry, and to whom it sends us for tokens and content.

    Proxies are those of the environment, as for the docker command. The authorities that docker trusts for a registry
    are trusted here too. Nothing is waited for after `end`, a time of `time.monotonic`.
    """

    place: Place
    end: float = float("inf")
    timeout: float = REQUEST_TIMEOUT

    def get(self, url: str, headers: Mapping[str, str] = MappingProxyType({}), authorization: str = "") -> Answer:
        """Ask. The authorization goes to the URL's own host alone: it is not sent on with a redirect."""
        return self._ask(Request(url, headers=dict(headers)), authorization)  # noqa: S310 - the opener knows no other

    def post(self, url: str, form: bytes) -> Answer:
        """Send a form; redirects are not followed."""
        return self._ask(Request(url, data=form), "")  # noqa: S310 - the opener knows no other

    def _ask(self, request: Request, authorization: str) -> Answer:
        host = urlsplit(request.full_url).netloc.rpartition("@")[2]
        seconds = min(self.timeout, self.end - monotonic())
        if seconds <= 0:
            raise RegistryFailed(f"{host} answers slowly: the time for all questions is over", hint="Ask for less.")
        if authorization:
            request.add_unredirected_header("Authorization", authorization)
        try:
            return in_thread(lambda: self._exchange(request)).result(seconds)
        except TimeoutError:
            hint = "Is it up, and reachable from here?"
            raise RegistryFailed(f"{host} did not answer within {seconds:.2g}s", hint=hint) from None
        except (OSError, HTTPException, ValueError) as error:
            raise _untold(host, error) from None

    def _exchange(self, request: Request) -> Answer:
        try:
            with self._opener.open(request, timeout=self.timeout) as response:
                return _answer(response.status, response.headers, response)
        except HTTPError as error:  # an answer too
            with error:
                return _answer(error.code, error.headers, error)
        except URLError as error:
            raise error.reason if isinstance(error.reason, OSError) else error from None

    @cached_property
    def _opener(self) -> OpenerDirector:
        opener = OpenerDirector()  # not `build_opener`, which knows files and FTP too
        for handler in (
            ProxyHandler({} if self.place.is_loopback else None),
            HTTPHandler(),
            HTTPSHandler(context=_trust(self.place.host)),
            HTTPDefaultErrorHandler(),
            _Redirects(),
            HTTPErrorProcessor(),
        ):
            opener.add_handler(handler)
        opener.addheaders = [("User-Agent", "deploykit")]
        return opener


class _Redirects(HTTPRedirectHandler):
    """Follows what only reads, and never from https to anything else."""

    max_redirections = 5

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> Request | None:
        here, there = urlsplit(req.full_url).scheme, urlsplit(newurl).scheme
        if req.data is not None or there not in {"https", here}:
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]  # a Message


def _answer(status: int, headers: Message, stream: IO[bytes]) -> Answer:
    body = stream.read(LARGEST + 1)
    if len(body) > LARGEST:
        raise ValueError("it answered too much")
    return Answer(status, headers, body)


def _trust(host: str) -> ssl.SSLContext:
    """Trust what Python trusts, and the authorities that docker is told to trust for this host."""
    context = ssl.create_default_context()
    for file in sorted((_CERTIFICATES / host).glob("*.crt")):
        context.load_verify_locations(file)
    return context


def _untold(host: str, error: Exception) -> RegistryFailed:
    """Return what to say of an answer that did not come."""
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = f"Docker trusts an authority of one's own in {_CERTIFICATES}/{host}/ca.crt, and so does this."
        return RegistryFailed(f"the certificate of {host} is not trusted: {error.verify_message}", hint=hint)
    if isinstance(error, ssl.SSLError):
        return RegistryFailed(f"{host} speaks no TLS that can be used: {error.reason}", hint="Is that its port?")
    if isinstance(error, OSError):
        why = error.strerror or type(error).__name__
        return RegistryFailed(f"{host} cannot be reached: {why}", hint="Is it up, and reachable from here?")
    return RegistryFailed(f"{host} does not answer as a registry does", hint="Is that its address?")
