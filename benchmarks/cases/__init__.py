"""All cases, in the order of the report. A further one is an entry in a module's CASES."""

from __future__ import annotations

from benchmarks.case import Case
from benchmarks.cases import death, deploys, docker, journal, processor, ready, rehearsed, rollback, rolling, start

MODULES = (deploys, rolling, rehearsed, rollback, docker, death, ready, start, journal, processor)
CASES: dict[str, Case] = {case.name: case for module in MODULES for case in module.CASES}
