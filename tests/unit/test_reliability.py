"""The page of promises names tests that are there, and says what its list says."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scripts.reliability import PAGE, ROOT, Chapter, Figures, Promise, case_of, chapters, counted, page

if TYPE_CHECKING:
    from collections.abc import Iterator

REPORT = """\
<testsuites><testsuite timestamp="2026-01-02T03:04:05">
<testcase classname="tests.unit.test_a" name="test_one[x]"/>
<testcase classname="tests.unit.test_a" name="test_one[y]"><failure message="lost"/></testcase>
<testcase classname="tests.unit.test_a" name="test_many">
<properties><property name="cases" value="4096"/></properties></testcase>
<testcase classname="tests.contract.test_b.TestB" name="test_two@of a group"/>
<testcase classname="tests.unit.test_ab" name="test_other"/>
<testcase classname="tests.unit.test_a" name="test_not_run"><skipped/></testcase>
</testsuite></testsuites>
"""
CHAPTERS = [Chapter("Kept", "What is kept.", (Promise("Nothing goes.", ("tests/unit/test_a.py",)),))]


@pytest.fixture
def figures(tmp_path: Path) -> Figures:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    return counted([report])


def names_in(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):  # the test case of a state machine
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


@pytest.mark.parametrize(
    "promise", [one for chapter in chapters() for one in chapter.promises], ids=lambda one: one.says
)
def test_every_promise_is_held_by_tests_that_are_there(promise: Promise) -> None:
    """A folder, a file, or names in it."""
    assert promise.tests
    for test in promise.tests:
        file, *names = test.split("::")
        assert (ROOT / file).exists(), test
        assert not set(names) - set(names_in(ROOT / file) if names else ()), test


def test_the_page_says_what_the_list_says() -> None:
    """All but the figures, which are those of the last run that was written down; nothing was lost in it."""
    text = PAGE.read_text()
    figures = re.compile(r"\| [\d,]+ \| [\d,]+ \|$|^The last run.*$", re.MULTILINE)
    assert figures.sub("", text) == figures.sub("", page(chapters(), Figures()))
    assert re.findall(r"\| ([\d,]+) \| 0 \|$", text, re.MULTILINE)
    assert not re.findall(r"\| 0 \| [\d,]+ \|$|\| [\d,]*[1-9] \|$", text, re.MULTILINE)


def test_cases_are_counted_as_the_reports_say(figures: Figures) -> None:
    """A test counts once for each parameter, or as often as it says; what was skipped tried nothing."""
    assert figures.of(CHAPTERS[0].promises[0]) == (4098, 1)
    assert figures.of(Promise("", ("tests/unit/test_a.py::test_one", "tests/contract"))) == (3, 1)
    assert figures.date == "2026-01-02"


def test_a_page_has_a_line_for_each_promise(figures: Figures) -> None:
    """With its tests, how many cases were tried, and how many lost."""
    text = page(CHAPTERS, figures)
    assert "| Nothing goes. | [`unit/test_a.py`](../tests/unit/test_a.py) | 4,098 | 1 |" in text
    assert "The last run, 2026-01-02: 4,098 cases tried, something lost in 1." in text


def test_a_case_is_named_as_pytest_names_it() -> None:
    """Modules with slashes, classes apart, no parameters."""
    assert case_of("tests.unit.test_a.TestA", "test_x[1-y]") == "tests/unit/test_a.py::TestA::test_x"
