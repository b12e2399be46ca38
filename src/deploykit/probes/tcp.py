"""The `tcp` probe: whether something listens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from socket import create_connection

from deploykit.probes import _settings as settings
from deploykit.probes._deadline import Deadline
from deploykit.probes._look import AT_ONCE, Address, Unhealthy, address_of, each, is_loopback, judged
from deploykit.probes._network import translated
from deploykit.protocols import Verdict
from deploykit.release import Instance


@dataclass(frozen=True, kw_only=True)
class TcpProbe:
    """Connects to `port` of `host`, or of each instance when that is None, within `timeout` seconds.

    Raises:
        ConfigError: a value is wrong; the message names its key.
    """

    port: int
    host: str | None = None
    timeout: float = 5.0
    service: str | None = None

    def __post_init__(self) -> None:
        settings.check_port(self.port)
        settings.check_timeout(self.timeout)
        if self.host is not None:
            settings.check_host(self.host)

    @property
    def name(self) -> str:
        return f"tcp {Address(self.host or '', self.port).netloc}:{self.port}"

    def aimed(self, published: Mapping[int, int]) -> "TcpProbe | None":
        if self.host is None:
            return self
        own = published.get(self.port) if is_loopback(self.host) else None
        return None if own is None else replace(self, host=None, port=own)

    def look(self, instances: Sequence[Instance], timeout: float) -> Verdict:
        deadline = Deadline(min(self.timeout, timeout))
        host = self.host
        if host is None:
            return each(instances, lambda instance: self._look_at(address_of(instance).host, deadline), AT_ONCE)
        return judged(lambda: self._look_at(host, deadline))

    def _look_at(self, host: str, deadline: Deadline) -> Sequence[str]:
        with translated(deadline):
            deadline.hold(lambda: _connect(host, self.port, deadline))
        return ()


def _connect(host: str, port: int, deadline: Deadline) -> None:
    with create_connection((host, port), deadline.left()) as sock:
        # A port that nobody listens on can be given to this very connection, which then answers itself.
        if sock.getsockname() == sock.getpeername():
            raise Unhealthy("connection refused")
