"""The benchmarks: `python -m benchmarks [CASE ...]`, and `python -m benchmarks report` for docs/performance.md."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import report
from benchmarks.cases import CASES
from benchmarks.session import Plan, measure
from scripts.surroundings import Missing, end_on_signals

HERE = Path(__file__).parent
RESULTS = HERE / "results"
TRIED = HERE.parent / ".cache" / "benchmarks"
ROUNDS, QUICK_ROUNDS = 10, 2


def arguments() -> argparse.ArgumentParser:
    """Return what the command line can say."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"`report`, or some of: {', '.join(CASES)} (all)")
    parser.add_argument("--rounds", type=int, help=f"how often each contender is measured ({ROUNDS})")
    parser.add_argument("--out", type=Path, help="where latest.json and the plots go (benchmarks/results)")
    parser.add_argument("--quick", action="store_true", help="2 rounds and shorter waits, for trying; into .cache")
    return parser


def main(argv: list[str]) -> int:
    """Measure, or write the report of what was measured."""
    parser = arguments()
    args = parser.parse_args(argv)
    out = args.out or (TRIED if args.quick else RESULTS)
    if args.cases == ["report"]:
        report.write(out)
        return 0
    if unknown := set(args.cases) - set(CASES):
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    chosen = [CASES[name] for name in args.cases or CASES]
    end_on_signals()
    try:
        measure(Plan(chosen, args.rounds or (QUICK_ROUNDS if args.quick else ROUNDS), out, quick=args.quick))
    except Missing as error:
        print(f"no engine: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
