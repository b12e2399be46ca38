"""Names and ports of this run's own: nothing that the tests make can be taken for anything else."""

from __future__ import annotations

import itertools
import os
import secrets
import socket
import zlib

RUN = os.environ.get("DEPLOYKIT_TEST_RUN") or f"dk{secrets.token_hex(3)}"
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
OWNER = f"{RUN}-{WORKER}"
PORTS_OF_A_RUN = 1000
PORTS_OF_A_WORKER = 200
FIRST_PORT = 20000
RUNS = 12  # ranges side by side, all below the kernel's own range for outgoing connections

_numbers = itertools.count(1)


def scope() -> str:
    """Return a name for what one test makes: a Compose project, an app, a part of a repository."""
    return f"{OWNER}-{next(_numbers)}"


def _range() -> range:
    number = int("0" + "".join(filter(str.isdigit, WORKER)))
    place = zlib.crc32(RUN.encode()) % RUNS * PORTS_OF_A_RUN + number * PORTS_OF_A_WORKER % PORTS_OF_A_RUN
    return range(FIRST_PORT + place, FIRST_PORT + place + PORTS_OF_A_WORKER)


_ports = itertools.cycle(_range())


def free_port() -> int:
    """Return a port that nobody listens on, another one each time."""
    for port in itertools.islice(_ports, PORTS_OF_A_WORKER):
        with socket.socket() as trial:
            try:
                trial.bind(("", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port in this worker's range")
