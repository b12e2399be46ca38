"""One deployment, from the state that its record is in to its end.

`loop` goes from state to state. The work of each is a function of its name, which says how to go on: in `looking`,
`pulling`, `going_live` and `going_back`. All that they share is a `Course`.
"""

from deploykit.deployment.course import Tools
from deploykit.deployment.failing import KEPT_LINES, LOG_LINES
from deploykit.deployment.going_live import replaces
from deploykit.deployment.loop import ENGINE_WAIT, Deployment, EngineGone

__all__ = ["ENGINE_WAIT", "KEPT_LINES", "LOG_LINES", "Deployment", "EngineGone", "Tools", "replaces"]
