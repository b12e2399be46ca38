"""What the probes have in common: a look returns warnings, or raises Unhealthy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from deploykit.clock import in_thread
from deploykit.probes._words import clean
from deploykit.protocols import ProbeVerdict, Verdict
from deploykit.release import Instance

AT_ONCE = 16
"""Instances that are asked at once over the network: of a thousand, one after the other would take its time."""


class Unhealthy(Exception):
    """The look ends here; the text is the reason."""


def judged(look: Callable[[], Sequence[str]]) -> Verdict:
    """Make a verdict of what a look comes to."""
    try:
        warnings = look()
    except Unhealthy as why:
        return Verdict(ProbeVerdict.unhealthy, clean(str(why)))
    return Verdict(ProbeVerdict.healthy, warnings=tuple(clean(warning) for warning in warnings))


def each(instances: Sequence[Instance], look: Callable[[Instance], Sequence[str]], at_once: int = 1) -> Verdict:
    """Look at so many instances at once, until one is unhealthy: the first of them is told. Without any it is one."""
    return judged(lambda: _look_at_all(instances, look, at_once))


def _look_at_all(
    instances: Sequence[Instance], look: Callable[[Instance], Sequence[str]], at_once: int
) -> Sequence[str]:
    if not instances:
        raise Unhealthy("no instance to look at")
    if len(instances) == 1:
        return look(instances[0])
    if at_once == 1:
        return [warning for instance in instances for warning in _named(instance, look)]
    return _in_batches(instances, look, at_once)


def _in_batches(instances: Sequence[Instance], look: Callable[[Instance], Sequence[str]], size: int) -> Sequence[str]:
    warnings: list[str] = []
    for start in range(0, len(instances), size):
        looks = [in_thread(partial(_named, one, look)) for one in instances[start : start + size]]
        warnings += [warning for one in looks for warning in one.result()]
    return warnings


def _named(instance: Instance, look: Callable[[Instance], Sequence[str]]) -> Sequence[str]:
    who = instance.name or instance.id[:12]
    try:
        return [f"{who}: {warning}" for warning in look(instance)]
    except Unhealthy as why:
        msg = f"{who}: {why}"
        raise Unhealthy(msg) from why


@dataclass(frozen=True, slots=True)
class Address:
    """Where an instance listens; `port` is None when its address tells none."""

    host: str
    port: int | None

    @property
    def netloc(self) -> str:
        """The host as URLs have it."""
        return f"[{self.host}]" if ":" in self.host else self.host


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, as its own ports are published on."""
    return host in {"localhost", "0.0.0.0", "127.0.0.1", "::1"}  # noqa: S104 - compared, not bound


def address_of(instance: Instance) -> Address:
    """Read `172.18.0.2`, `127.0.0.1:8000`, `::1`, `[::1]` or `[::1]:8000`.

    Raises:
        Unhealthy: it has no address, or one of another form.
    """
    text = instance.address or ""
    try:
        parts = urlsplit(f"//[{text}]" if text.count(":") > 1 and "[" not in text else f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        msg = f"the instance's address is not one: {text}"
        raise Unhealthy(msg) from error
    if not host:
        raise Unhealthy("the instance has no address")
    return Address(host, port)
