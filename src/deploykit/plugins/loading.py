"""Plug-ins by entry points: found by their name, loaded, made, and looked over."""

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from deploykit.errors import ConfigError, DeploykitError
from deploykit.plugins.promises import held_to_its_word, lacking
from deploykit.plugins.setting import Setting
from deploykit.protocols import Backend, Observer, Probe

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

BACKENDS = "deploykit.backends"
PROBES = "deploykit.probes"
OBSERVERS = "deploykit.observers"


def plugged(group: str) -> list[str]:
    """Return the names of the plug-ins that are installed."""
    return sorted({point.name for point in _points(group)})


def make_backend(name: str, setting: Setting) -> Backend:
    """Return a backend of a plug-in's. Raises ConfigError, as the other two do."""
    backend = held_to_its_word(cast("Backend", _made(BACKENDS, name, setting, Backend)))
    if setting.strategy == "rolling" and not backend.beside:
        msg = f'strategy: a backend of type "{name}" replaces in place'
        raise ConfigError(msg, hint="Take it out.")
    return backend


def make_probe(name: str, setting: Setting) -> Probe:
    """Return a probe of a plug-in's."""
    return cast("Probe", _made(PROBES, name, setting, Probe))


def make_observer(name: str, setting: Setting) -> Observer:
    """Return an observer of a plug-in's."""
    return cast("Observer", _made(OBSERVERS, name, setting, Observer))


def _made(group: str, name: str, setting: Setting, interface: type) -> object:
    points = _points(group, name)
    if len(points) != 1:
        raise _several(name, points) if points else ConfigError(f"type: no plug-in {name!r} is installed")
    (point,) = points
    try:
        factory: Callable[[Setting], object] = point.load()
        made = factory(setting)
    except DeploykitError:
        raise
    except (Exception, SystemExit) as error:
        msg = f"type: {_called(point)} cannot be used: {type(error).__name__}: {error}"
        raise ConfigError(msg, hint="Mend that package, or install the release of it for this deploykit.") from error
    if lacks := lacking(made, interface):
        msg = f"type: {_called(point)} is none: it lacks {', '.join(lacks)}"
        raise ConfigError(msg, hint="deploykit.testing has the tests that it should pass.")
    return made


def _several(name: str, points: "list[EntryPoint]") -> ConfigError:
    called = " and ".join(_package(point) for point in points)
    return ConfigError(f"type: {name!r} is brought by {called}", hint="Remove one of them.")


def _points(group: str, name: str | None = None) -> "list[EntryPoint]":
    from importlib.metadata import entry_points  # late: most configs name no plug-in

    # The same package may lie on the path twice.
    found = {(point.name, point.value): point for point in entry_points(group=group)}
    return [point for point in found.values() if name in (None, point.name)]


def _called(point: "EntryPoint") -> str:
    return f"the plug-in {point.name!r} of {_package(point)}"


def _package(point: "EntryPoint") -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value
