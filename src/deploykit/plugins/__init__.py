"""What plug-ins are written with: a backend, a probe or an observer of your own. See docs/plugins.md."""

from deploykit.plugins.in_place import Found, InPlace
from deploykit.plugins.setting import Setting

__all__ = ["Found", "InPlace", "Setting"]
