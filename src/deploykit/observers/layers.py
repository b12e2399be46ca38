"""Counting the layers of a pull, from what the docker command writes when nobody looks on: it has no sizes then."""

import re
from dataclasses import dataclass, field

_LAYER = re.compile(r"([0-9a-f]{12}): (.+)")
_AT_HAND = frozenset({"Pull complete", "Already exists"})
_HERE = frozenset({"Download complete", "Verifying Checksum", "Extracting"}) | _AT_HAND


@dataclass(slots=True)
class Layers:
    """The layers of one image, and how far each has come."""

    _states: dict[str, str] = field(default_factory=dict)

    def hear(self, line: str) -> str | None:
        """Return how far the pull has come, if the line is of a layer."""
        found = _LAYER.fullmatch(line)
        if found is None:
            return None
        self._states[found[1]] = found[2]
        return f"pulling: {self._count(_HERE)} of {len(self._states)} layers here, {self._count(_AT_HAND)} unpacked"

    def _count(self, states: frozenset[str]) -> int:
        return sum(state in states for state in self._states.values())
