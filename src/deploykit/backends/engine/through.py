"""The engine's API through the CLI: the docker command makes the connection, to wherever the engine is.

One question is one command, however much the answer tells. The CLI's own `inspect` asks for one thing after the other.
"""

import os
import select
import time
from collections.abc import Callable

from deploykit.backends.engine.runner import Command, spawned
from deploykit.protocols import Control

WORDS = ("system", "dial-stdio")
"""What the CLI itself runs at the other end of an `ssh://` host; it is there since 18.09, and not in its help."""
_CHUNK = 256 * 1024


def through(command: Callable[[], Command]) -> Callable[[bytes, float], bytes]:
    """Return what exchanges a request for a whole answer, until a deadline. Raises OSError where there is none."""

    def exchange(request: bytes, deadline: float) -> bytes:
        with spawned(command(), Control()) as child:
            assert child.stdin is not None  # noqa: S101 - both are pipes
            assert child.stdout is not None  # noqa: S101
            # It stays open: an engine whose questioner has hung up stops answering.
            os.write(child.stdin.fileno(), request)
            return _all_of(child.stdout.fileno(), deadline)

    return exchange


def _all_of(descriptor: int, deadline: float) -> bytes:
    answer = bytearray()
    while True:
        ready, _, _ = select.select([descriptor], [], [], max(deadline - time.monotonic(), 0))
        if not ready:
            raise TimeoutError
        chunk = os.read(descriptor, _CHUNK)
        if not chunk:
            return bytes(answer)
        answer += chunk
