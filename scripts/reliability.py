"""`docs/reliability.md`: each promise of docs/promises.toml, its tests, and what the last run of them counted.

`python -m scripts.reliability` writes the page from the reports that `make test` left.
"""

from __future__ import annotations

import sys
import tomllib
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).parents[1]
PROMISES = ROOT / "docs" / "promises.toml"
PAGE = ROOT / "docs" / "reliability.md"
REPORTS = ROOT / ".cache" / "reports"
CASES = "cases"
"""The property by which a test that tries many cases says how many: `record_property("cases", 4096)`."""
HEAD = """\
# What can be relied on

<!-- Written by `python -m scripts.reliability` from docs/promises.toml and the reports of `make test`. -->

Each promise stands beside the tests that fail when it is broken, and beside what they counted when they last ran, all
of them, on a real engine: how many cases were tried, and in how many something was lost. A case is one test, or, where
a test goes through many (a kill at every moment, a thousand random histories), one of those.
"""


@dataclass(frozen=True)
class Promise:
    """Something that users rely on, and the tests that hold it: a folder, a file, or `file::name`."""

    says: str
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Chapter:
    """Promises that belong together."""

    title: str
    about: str
    promises: tuple[Promise, ...]


@dataclass
class Figures:
    """What the last run counted, by test: `file::name`, whatever its parameters."""

    date: str = ""
    tried: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)

    def of(self, promise: Promise) -> tuple[int, int]:
        """Return how many cases of a promise were tried, and lost."""
        tests = [name for name in self.tried if any(holds(test, name) for test in promise.tests)]
        return sum(self.tried[name] for name in tests), sum(self.lost[name] for name in tests)


def holds(test: str, name: str) -> bool:
    """Whether a test that was run is the one, or in the file or folder, that a promise names."""
    return name == test or name.startswith((f"{test}::", f"{test}/"))


def chapters(path: Path = PROMISES) -> list[Chapter]:
    """Return the promises as they are written down."""
    found = tomllib.loads(path.read_text())["chapter"]
    return [Chapter(one["title"], one["about"], tuple(_promises(one))) for one in found]


def _promises(chapter: dict[str, list[dict[str, list[str]]]]) -> Iterator[Promise]:
    for one in chapter["promise"]:
        yield Promise(str(one["says"]), tuple(one["tests"]))


def counted(reports: Iterable[Path]) -> Figures:
    """Return what the reports of a run count. Skipped tests tried nothing."""
    figures = Figures()
    for report in reports:
        tree = ET.parse(report)
        stamps = [suite.attrib.get("timestamp", "")[:10] for suite in tree.iter("testsuite")]
        figures.date = max([figures.date, *stamps])
        for case in tree.iter("testcase"):
            _count(case, figures)
    return figures


def _count(case: ET.Element, figures: Figures) -> None:
    if case.find("skipped") is not None:
        return
    name = case_of(case.attrib["classname"], case.attrib["name"])
    said = [each.attrib["value"] for each in case.iter("property") if each.attrib["name"] == CASES]
    figures.tried[name] += int(said[0]) if said else 1
    figures.lost[name] += case.find("failure") is not None or case.find("error") is not None


def case_of(module: str, name: str) -> str:
    """Return `file::name` of a case: a report has dots in module and class, parameters in brackets, a group after @."""
    parts = module.split(".")
    classes = [part for part in parts if part[:1].isupper()]
    file = "/".join(part for part in parts if part not in classes)
    return "::".join([f"{file}.py", *classes, name.partition("[")[0].partition("@")[0]])


def page(found: list[Chapter], figures: Figures) -> str:
    """Return the whole page."""
    rows = [(promise, *figures.of(promise)) for chapter in found for promise in chapter.promises]
    tried, lost = sum(row[1] for row in rows), sum(row[2] for row in rows)
    last = f"\nThe last run, {figures.date}: {tried:,} cases tried, something lost in {lost:,}.\n"
    return HEAD + last + "".join(_section(chapter, figures) for chapter in found)


def _section(chapter: Chapter, figures: Figures) -> str:
    head = "| promise | held by | cases | lost |\n|---|---|---:|---:|\n"
    rows = "".join(row(promise, *figures.of(promise)) for promise in chapter.promises)
    return f"\n## {chapter.title}\n\n{chapter.about}\n\n{head}{rows}"


def row(promise: Promise, tried: int, lost: int) -> str:
    """Return a promise as a line of the table."""
    tests = "<br>".join(f"[`{test.removeprefix('tests/')}`](../{test.partition('::')[0]})" for test in promise.tests)
    return f"| {promise.says} | {tests} | {tried:,} | {lost:,} |\n"


def main() -> int:
    """Write the page; a promise of which nothing was tried is an error."""
    found, figures = chapters(), counted(sorted(REPORTS.glob("*.xml")))
    untried = [promise.says for chapter in found for promise in chapter.promises if not figures.of(promise)[0]]
    if untried:
        print("not tried in the last run:", *untried, sep="\n  ", file=sys.stderr)
        return 1
    PAGE.write_text(page(found, figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
