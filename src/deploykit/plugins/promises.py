"""Somebody else's objects, held to what they promise: what is against the contract is told as their own bug."""

from collections.abc import Callable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, cast, get_args, get_origin, get_type_hints

from deploykit.errors import ConfigError, DeploykitError, StepFailed
from deploykit.protocols import Backend
from deploykit.redact import redacted

_OURS = ("deploykit.backends.", "deploykit.testing.")
_HINT = "That is a bug of the backend's. deploykit.testing.BackendContract has the tests that it should pass."


def lacking(made: object, interface: type) -> list[str]:
    """Return what an object lacks of what an interface has."""
    return sorted(name for name in _promised(interface) if not _has(made, name))


def demand_all_of(made: object, interface: type) -> None:
    """Raise ConfigError when an object cannot be what it is passed for."""
    if lacks := lacking(made, interface):
        kind = interface.__name__
        msg = f"{_called(type(made))} is no {kind.lower()}: it lacks {', '.join(lacks)}"
        raise ConfigError(msg, hint=f"deploykit.protocols.{kind} says what each is for.")


def held_to_its_word(backend: Backend) -> Backend:
    """Return the backend, each call of which returns what it promised, or raises what the contract knows.

    Ours are what they were: their tests hold them to it.
    """
    of = type(backend)
    if isinstance(backend, _Held) or any(one.__module__.startswith(_OURS) for one in of.__mro__):
        return backend
    demand_all_of(backend, Backend)
    names = {name for name in dir(backend) if not name.startswith("_")} | _promised(Backend)
    # A class of its own for each: what a backend may offer beside is looked for in the class, from Python 3.12 on.
    held = type(of.__name__, (_Held,), {name: _passed_on(backend, name) for name in names})
    return cast("Backend", held(backend))


class _Held:
    def __init__(self, backend: object) -> None:
        self._backend = backend

    def __repr__(self) -> str:
        return repr(self._backend)


def _passed_on(backend: object, name: str) -> object:
    of, wanted = type(backend), _wanted(name)
    if not callable(getattr(of, name) if hasattr(of, name) else getattr(backend, name)):
        return property(lambda self: _kept(self._backend, name, wanted, lambda: getattr(self._backend, name)))

    def call(self: Any, *args: Any, **options: Any) -> Any:
        return _kept(self._backend, f"{name}()", wanted, lambda: getattr(self._backend, name)(*args, **options))

    return call


def _kept(backend: Backend, what: str, wanted: object, act: Callable[[], object]) -> object:
    who = f"the backend {_called(type(backend))}"
    try:
        said = act()
    except (DeploykitError, StepFailed):
        raise
    except (Exception, SystemExit) as error:
        msg = f"{who} broke in {what}: " + redacted(f"{type(error).__name__}: {error}", backend.redact)
        raise DeploykitError(msg, hint=_HINT) from error
    if not _fits(said, wanted):
        told, given = getattr(wanted, "__name__", wanted), redacted(f"{said!r:.80}", backend.redact)
        msg = f"{who} broke its word: {what} is to give {told}, and gave {given}"
        raise DeploykitError(msg, hint=_HINT)
    return said


def _called(of: type) -> str:
    return f"{of.__module__}.{of.__qualname__}"


def _promised(interface: type) -> set[str]:
    own = (vars(one) for one in interface.__mro__ if getattr(one, "_is_protocol", False))
    return {name for names in own for name in names if name == "__call__" or not name.startswith("_")}


def _wanted(name: str) -> object:
    """Return what the contract says of what comes back; Any where it says nothing."""
    promised = getattr(Backend, name, None)
    hints = get_type_hints(promised.fget if isinstance(promised, property) else promised) if promised else {}
    return hints.get("return", Any)


def _fits(value: object, wanted: Any) -> bool:
    """Whether it is of that type, as far as that can be seen; what a Protocol describes is believed."""
    if wanted in (Any, NoneType) or getattr(wanted, "_is_protocol", False):
        return True
    if isinstance(wanted, UnionType):
        return value is None or any(_fits(value, one) for one in get_args(wanted) if one is not NoneType)
    origin, parts = get_origin(wanted), get_args(wanted)
    if origin is Sequence:
        return isinstance(value, Sequence) and all(_fits(one, parts[0]) for one in value)
    return isinstance(value, Mapping if origin is Mapping else wanted)


def _has(made: object, name: str) -> bool:
    try:
        return hasattr(made, name)
    except Exception:  # noqa: BLE001 - it is there, and does not work: that is told when it is asked for
        return True
