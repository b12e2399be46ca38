"""What tests of deploykit, and of scripts and plug-ins that use it, are written with. Needs no Docker, and no time.

`Fake`, and the pytest fixture `deploykit_fake`, are for scripts; the contracts are for plug-ins; the rest is what both
are made of. Each name is imported when it is first used: pytest loads this package in every test run.
"""

TYPE_CHECKING = False

if TYPE_CHECKING:
    from deploykit.testing.backend import FakeBackend
    from deploykit.testing.clock import ManualClock
    from deploykit.testing.contract import (
        BackendContract,
        ContractStage,
        ProbeContract,
        ProbeStage,
        RehearsalContract,
        RollingContract,
    )
    from deploykit.testing.doors import RealWorldTouched
    from deploykit.testing.fake import Fake, FakeApp
    from deploykit.testing.moments import Killed, Moment, Moments
    from deploykit.testing.probe import FakeProbe
    from deploykit.testing.script import FakeRelease
    from deploykit.testing.state import MemoryState
    from deploykit.testing.story import Story

__all__ = [
    "BackendContract",
    "ContractStage",
    "Fake",
    "FakeApp",
    "FakeBackend",
    "FakeProbe",
    "FakeRelease",
    "Killed",
    "ManualClock",
    "MemoryState",
    "Moment",
    "Moments",
    "ProbeContract",
    "ProbeStage",
    "RealWorldTouched",
    "RehearsalContract",
    "RollingContract",
    "Story",
]

_HOMES = {
    "backend": ("FakeBackend",),
    "clock": ("ManualClock",),
    "contract": (
        "BackendContract",
        "ContractStage",
        "ProbeContract",
        "ProbeStage",
        "RehearsalContract",
        "RollingContract",
    ),
    "doors": ("RealWorldTouched",),
    "fake": ("Fake", "FakeApp"),
    "moments": ("Killed", "Moment", "Moments"),
    "probe": ("FakeProbe",),
    "script": ("FakeRelease",),
    "state": ("MemoryState",),
    "story": ("Story",),
}


def __getattr__(name: str) -> object:
    home = next((module for module, names in _HOMES.items() if name in names), None)
    if home is None:
        msg = f"module 'deploykit.testing' has no attribute {name!r}"
        raise AttributeError(msg)
    from importlib import import_module

    value: object = getattr(import_module(f"deploykit.testing.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
