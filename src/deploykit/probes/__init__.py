"""The kinds of probes that come with deploykit."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from deploykit.probes.command import CommandProbe
from deploykit.probes.container import ContainerProbe
from deploykit.probes.http import HttpProbe
from deploykit.probes.tcp import TcpProbe
from deploykit.protocols import Probe

__all__ = ["PROBES", "CommandProbe", "ContainerProbe", "HttpProbe", "TcpProbe"]

# The annotation is the check that each of them is a Probe.
PROBES: Mapping[str, Callable[..., Probe]] = MappingProxyType(
    {"command": CommandProbe, "container": ContainerProbe, "http": HttpProbe, "tcp": TcpProbe}
)
