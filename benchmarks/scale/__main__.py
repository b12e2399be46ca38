"""What a deploy costs at 10, 100 and 1,000 replicas: `python -m benchmarks.scale`, and `... report` for the page."""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import machine
from benchmarks.case import Sheet
from benchmarks.results import Results, read
from benchmarks.scale import listing, page
from benchmarks.scale.rounds import VERBS, filled, measured
from benchmarks.scale.stage import pretended, real
from scripts import tools
from scripts.commands import run
from scripts.surroundings import end_on_signals
from tests.engine.support import names
from tests.engine.support.cluster import Cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from benchmarks.scale.stage import Stage

    Staged = Iterator[tuple[str, int, Callable[[], AbstractContextManager[Stage]]]]

PRETENDED, REAL, LISTS = (10, 100, 1000), (3, 10), (10, 100, 1000, 6000)
ROUNDS, FEWER, FEW = 10, 5, 3
"""How often something is measured: a hundred tasks, and a thousand, take minutes."""


def arguments() -> argparse.ArgumentParser:
    """Return what the command line can say."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["measure", "report"], default="measure")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often each is measured, at most ({ROUNDS})")
    parser.add_argument("--pretended", type=_sizes, default=PRETENDED, help="sizes without an engine (10,100,1000)")
    parser.add_argument("--real", type=_sizes, default=REAL, help="sizes on a real swarm of one node (3,10)")
    parser.add_argument("--out", type=Path, default=page.RESULTS, help="where the samples go")
    return parser


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(int(one) for one in text.split(",") if one)


def main(argv: list[str]) -> int:
    """Measure, or write the page of what was measured."""
    args = arguments().parse_args(argv)
    if args.what == "measure":
        end_on_signals()
        measure(args)
    page.write(args.out)
    return 0


def measure(args: argparse.Namespace) -> None:
    """Measure all sizes, and keep the results after each, and those of other sizes; nothing else stays."""
    facts = {**machine.here(), "engine": engine_version()}
    sheets = known(args.out, facts, args.rounds)
    lists = sheets["list"]
    command = "python -m benchmarks.scale"
    date, load = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", machine.load()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="deploykit-scale-")))
        for name, rounds, staged in chain(_real(args.real, folder, lists), _pretended(args.pretended, folder)):
            with staged() as stage:
                measured(stage, sheets, name, min(args.rounds, rounds))
            cases = [*filled(sheets, command, date, load), listing.filled(lists, command, date, load)]
            Results(facts, tuple(cases)).save(args.out)


def known(path: Path, facts: dict[str, str], rounds: int) -> dict[str, Sheet]:
    """Return the sheets, with what was noted of a machine like this one."""
    sheets = {name: Sheet(rounds) for name in (*VERBS, "list")}
    before = read(path) if path.exists() else None
    if before and before.machine == facts:
        for case in before.cases:
            sheets[case.name].samples = {measure.name: dict(measure.samples) for measure in case.measures}
    return sheets


def engine_version() -> str:
    """Return the version of the engine that a cluster's nodes are."""
    return run([tools.find("dockerd") or "dockerd", "--version"]).split()[2].rstrip(",")


def rounds_of(size: int) -> int:
    """Return how often a size is measured."""
    return ROUNDS if size <= 10 else FEWER if size <= 100 else FEW


def _real(sizes: Sequence[int], folder: Path, lists: Sheet) -> Staged:
    if not sizes:
        return
    with ExitStack() as stack:
        cluster = Cluster(1)
        stack.callback(cluster.remove)
        cluster.start()
        image = f"{cluster.registry.address}/base:{names.OWNER}"
        lists.samples.clear()
        for number in LISTS:
            listing.listed(cluster, lists, number, lists.count, image)
        for size in sizes:
            yield f"{size:,}, real", rounds_of(size), partial(real, folder / f"real-{size}", cluster, size)
            away = partial(real, folder / f"real-{size}-away", cluster, size, elsewhere=True)
            yield f"{size:,}, real, elsewhere", FEW, away


def _pretended(sizes: Sequence[int], folder: Path) -> Staged:
    for size in sizes:
        yield f"{size:,}, pretended", rounds_of(size), partial(pretended, folder / f"{size}", size)
        away = partial(pretended, folder / f"{size}-away", size, elsewhere=True)
        yield f"{size:,}, pretended, elsewhere", FEW, away


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
