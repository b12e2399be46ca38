"""All cases, in the order of the report. A further one is an entry in a module's CASES."""

from __future__ import annotations

from benchmarks.case import Case
from benchmarks.cases import death, deploys, journal, processor, ready, rollback, start

CASES: dict[str, Case] = {
    case.name: case for module in (deploys, rollback, death, ready, start, journal, processor) for case in module.CASES
}
