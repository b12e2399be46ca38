"""Counting the layers of a pull, from what the docker command writes: with sizes, where somebody looks on."""

import re
from dataclasses import dataclass, field

_SIZE = r"([\d.]+)([kMGT]?)B"
_LAYER = re.compile(rf"([0-9a-f]{{12}}): (\w.*?)(?:\s+\d+ s|\s+{_SIZE}/{_SIZE})?\s*")
_AT_HAND = frozenset({"Pull complete", "Already exists"})
_HERE = frozenset({"Download complete", "Verifying Checksum", "Extracting"}) | _AT_HAND
_UNITS = {"": 1e-6, "k": 1e-3, "M": 1.0, "G": 1e3, "T": 1e6}


@dataclass(slots=True)
class _Layer:
    """A layer; how much of it has come, and how large it is, are in MB, compressed, 0 where that was not said."""

    state: str = ""
    come: float = 0.0
    size: float = 0.0


@dataclass(slots=True)
class Layers:
    """The layers of one image, and how far each has come."""

    _layers: dict[str, _Layer] = field(default_factory=dict)

    def hear(self, line: str) -> str | None:
        """Return how far the pull has come, if the line is of a layer."""
        found = _LAYER.fullmatch(line)
        if found is None:
            return None
        layer = self._layers.setdefault(found[1], _Layer())
        layer.state = found[2]
        if found[3]:
            layer.come, layer.size = (float(found[at]) * _UNITS[found[at + 1]] for at in (3, 5))
        if layer.state in _HERE:
            layer.come = layer.size
        count = f"{self._count(_HERE)} of {len(self._layers)} layers here, {self._count(_AT_HAND)} unpacked"
        return f"pulling: {count}{self._loaded()}"

    def _count(self, states: frozenset[str]) -> int:
        return sum(layer.state in states for layer in self._layers.values())

    def _loaded(self) -> str:
        size = sum(layer.size for layer in self._layers.values())
        come = sum(layer.come for layer in self._layers.values())
        return f"; {come:.1f} of {size:.1f} MB" if size else ""
