"""The `swarm` backend."""

from deploykit.backends.swarm.service import Pace
from deploykit.backends.swarm.settings import Demands, SwarmSettings
from deploykit.backends.swarm.single import ServiceBackend
from deploykit.backends.swarm.stack import StackBackend
from deploykit.backends.swarm.stackfile import StackFile

__all__ = ["Demands", "Pace", "ServiceBackend", "StackBackend", "StackFile", "SwarmSettings"]
