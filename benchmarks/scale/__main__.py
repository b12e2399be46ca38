"""What a deploy costs at 10, 100 and 1,000 replicas: `python -m benchmarks.scale`, and `... report` for the page."""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import machine
from benchmarks.case import Sheet
from benchmarks.results import Results
from benchmarks.scale import page
from benchmarks.scale.rounds import VERBS, filled, measured
from benchmarks.scale.stage import pretended, real
from scripts.surroundings import end_on_signals
from tests.engine.support.cluster import Cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from benchmarks.scale.stage import Stage

    Staged = Iterator[tuple[str, Callable[[], AbstractContextManager[Stage]]]]

PRETENDED, REAL = (10, 100, 1000), (3, 10, 30)
ROUNDS = 10


def arguments() -> argparse.ArgumentParser:
    """Return what the command line can say."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["measure", "report"], default="measure")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often each is measured ({ROUNDS})")
    parser.add_argument("--pretended", type=_sizes, default=PRETENDED, help="sizes without an engine (10,100,1000)")
    parser.add_argument("--real", type=_sizes, default=REAL, help="sizes on a real swarm of one node (3,10,30)")
    parser.add_argument("--out", type=Path, default=page.RESULTS, help="where the samples go")
    return parser


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(int(one) for one in text.split(",") if one)


def main(argv: list[str]) -> int:
    """Measure, or write the page of what was measured."""
    args = arguments().parse_args(argv)
    if args.what == "measure":
        end_on_signals()
        measure(args).save(args.out)
    page.write(args.out)
    return 0


def measure(args: argparse.Namespace) -> Results:
    """Measure all sizes; nothing stays but the results."""
    sheets = {verb: Sheet(args.rounds) for verb in VERBS}
    date, load = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", machine.load()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="deploykit-scale-")))
        for name, staged in (*_real(args.real, folder, stack), *_pretended(args.pretended, folder)):
            with staged() as stage:
                measured(stage, sheets, name, args.rounds)
    command = f"python -m benchmarks.scale --rounds {args.rounds}"
    facts = {name: value for name, value in machine.facts().items() if name != "compose"}
    return Results(facts, tuple(filled(sheets, command, date, load)))


def _real(sizes: Sequence[int], folder: Path, stack: ExitStack) -> Staged:
    if sizes:
        cluster = Cluster(1)
        stack.callback(cluster.remove)
        cluster.start()
        for size in sizes:
            yield f"{size:,}, real", partial(real, folder / f"real-{size}", cluster, size)


def _pretended(sizes: Sequence[int], folder: Path) -> Staged:
    for size in sizes:
        yield f"{size:,}, pretended", partial(pretended, folder / f"{size}", size)
        yield f"{size:,}, pretended, elsewhere", partial(pretended, folder / f"{size}-away", size, elsewhere=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
