"""What tests of deploykit, and of scripts and plug-ins that use it, are written with. Needs no Docker, and no time."""

from deploykit.testing.backend import FakeBackend
from deploykit.testing.clock import ManualClock
from deploykit.testing.moments import Killed, Moment, Moments
from deploykit.testing.probe import FakeProbe
from deploykit.testing.script import FakeRelease
from deploykit.testing.state import MemoryState

__all__ = ["FakeBackend", "FakeProbe", "FakeRelease", "Killed", "ManualClock", "MemoryState", "Moment", "Moments"]
