"""One run of the benchmarks: an engine and a registry around it, case after case, results kept after each."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import machine, plot
from benchmarks.arena import Arena
from benchmarks.case import Sheet
from benchmarks.cases import CASES
from benchmarks.results import CaseResult, Results, read
from scripts.surroundings import provide
from tests.engine.support import names
from tests.engine.support.images import build_base

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.case import Case
    from scripts.registry import Registry

NAME = "latest.json"
ORDER = {name: place for place, name in enumerate(CASES)}


@dataclass(frozen=True)
class Plan:
    """What to measure, how often, and where the results go."""

    cases: Sequence[Case]
    rounds: int
    out: Path
    quick: bool = False

    def rounds_of(self, case: Case) -> int:
        """Return how often a case is measured."""
        return self.rounds if self.quick else max(self.rounds, case.at_least)

    def command_of(self, case: Case) -> str:
        """Return the command that measures a case again."""
        return f"python -m benchmarks {case.name} --rounds {self.rounds}{' --quick' if self.quick else ''}"


def measure(plan: Plan) -> None:
    """Measure all cases of a plan. Nothing stays but the results, also when it is stopped."""
    with ExitStack() as stack:
        registry = provide(stack, names.RUN)
        base = build_base()
        results = known(plan.out / NAME, machine.facts())
        for case in plan.cases:
            print(f"{case.name}: {case.title}", flush=True)
            results = results.with_case(measured(plan, case, registry, base), ORDER)
            results.save(plan.out / NAME)
            plot.save(results, plan.out)


def known(path: Path, facts: dict[str, str]) -> Results:
    """Return the results of other cases, when they are of a machine like this one."""
    before = read(path) if path.exists() else None
    return before if before and before.machine == facts else Results(facts)


def measured(plan: Plan, case: Case, registry: Registry, base: str) -> CaseResult:
    """Measure a case, and leave nothing of it."""
    sheet = Sheet(plan.rounds_of(case))
    date, load = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", machine.load()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="deploykit-bench-")))
        case.run(Arena(folder, registry, base, stack, plan.quick), sheet)
    measures = tuple(sheet.filled(one) for one in case.measures)
    return CaseResult(case.name, case.title, case.about, plan.command_of(case), date, load, measures)
