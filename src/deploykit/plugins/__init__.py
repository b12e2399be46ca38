"""What plug-ins are written with: a backend, a probe or an observer of your own. See docs/how-to/plugins.md."""

TYPE_CHECKING = False  # each name is imported when it is first used: reading a config needs none of them

if TYPE_CHECKING:
    from deploykit.plugins.folders import FolderStore
    from deploykit.plugins.in_place import Found, InPlace
    from deploykit.plugins.setting import Setting

__all__ = ["FolderStore", "Found", "InPlace", "Setting"]

_HOMES = {"folders": ("FolderStore",), "in_place": ("Found", "InPlace"), "setting": ("Setting",)}


def __getattr__(name: str) -> object:
    home = next((module for module, names in _HOMES.items() if name in names), None)
    if home is None:
        msg = f"module 'deploykit.plugins' has no attribute {name!r}"
        raise AttributeError(msg)
    from importlib import import_module

    value: object = getattr(import_module(f"deploykit.plugins.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
