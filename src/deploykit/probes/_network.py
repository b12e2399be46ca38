"""One map from what goes wrong on a network to words."""

import http.client
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from socket import gaierror

from deploykit.probes._deadline import Deadline
from deploykit.probes._look import Unhealthy

_ERRORS = (OSError, http.client.HTTPException, ValueError)


@contextmanager
def translated(deadline: Deadline) -> Iterator[None]:
    """Turn whatever a peer can bring about into Unhealthy."""
    try:
        yield
    except _ERRORS as error:
        raise Unhealthy(_explained(error, deadline)) from error


def _explained(error: Exception, deadline: Deadline) -> str:
    match error:
        case TimeoutError():
            return f"no answer within {deadline}"
        case http.client.RemoteDisconnected():
            return "the connection was closed without an answer"
        case http.client.IncompleteRead():
            return "the answer broke off"
        case gaierror() | UnicodeError():
            return "the host name is not known"
        case ssl.SSLCertVerificationError():
            return f"TLS: {error.verify_message}: set ca_file, or verify = false"
        case ssl.SSLError():
            return f"TLS: {(error.reason or str(error)).replace('_', ' ').lower()}"
        case OSError():
            return (error.strerror or str(error)).lower()
        case _:
            return f"not a valid HTTP answer: {error}"
