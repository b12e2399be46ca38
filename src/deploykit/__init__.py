"""Takes a container image live, checks its health, and goes back to the last known good release by itself."""

TYPE_CHECKING = False  # typing's own costs 5 ms, which `--help` can do without

if TYPE_CHECKING:
    from deploykit.app import App, ProbeAnswer
    from deploykit.errors import (
        ConfigError,
        DeploykitError,
        DeploymentFailed,
        EngineUnreachable,
        Held,
        Locked,
        NoSuchRelease,
        Outcome,
        RegistryFailed,
    )
    from deploykit.events import Event
    from deploykit.health import HealthPolicy
    from deploykit.plan import Plan
    from deploykit.record import Failure, Kind, Record
    from deploykit.release import ImageRef, Instance, Release
    from deploykit.report import Report
    from deploykit.result import Result
    from deploykit.states import State
    from deploykit.status import Status
    from deploykit.wiring import load

    __version__: str

__all__ = [
    "App",
    "ConfigError",
    "DeploykitError",
    "DeploymentFailed",
    "EngineUnreachable",
    "Event",
    "Failure",
    "HealthPolicy",
    "Held",
    "ImageRef",
    "Instance",
    "Kind",
    "Locked",
    "NoSuchRelease",
    "Outcome",
    "Plan",
    "ProbeAnswer",
    "Record",
    "RegistryFailed",
    "Release",
    "Report",
    "Result",
    "State",
    "Status",
    "__version__",
    "load",
]

_HOMES = {
    "app": ("App", "ProbeAnswer"),
    "errors": (
        "ConfigError",
        "DeploykitError",
        "DeploymentFailed",
        "EngineUnreachable",
        "Held",
        "Locked",
        "NoSuchRelease",
        "Outcome",
        "RegistryFailed",
    ),
    "events": ("Event",),
    "health": ("HealthPolicy",),
    "plan": ("Plan",),
    "record": ("Failure", "Kind", "Record"),
    "release": ("ImageRef", "Instance", "Release"),
    "report": ("Report",),
    "result": ("Result",),
    "states": ("State",),
    "status": ("Status",),
    "wiring": ("load",),
}


def __getattr__(name: str) -> object:
    # Late, so that `import deploykit` and `--help` pay for nothing that they do not use.
    if name == "__version__":
        from importlib.metadata import version

        return version("deploykit")
    home = next((module for module, names in _HOMES.items() if name in names), None)
    if home is None:
        msg = f"module 'deploykit' has no attribute {name!r}"
        raise AttributeError(msg)
    from importlib import import_module

    value: object = getattr(import_module(f"deploykit.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
