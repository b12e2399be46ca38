"""The pages of docs/reference and docs/explanation say what the code says."""

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

import deploykit
import deploykit.plugins
import deploykit.testing
from deploykit.errors import NoSuchRelease, Outcome
from deploykit.journal import open_journal
from deploykit.record import Failure, Options, Record, TagMemory
from deploykit.release import ImageRef, Release
from deploykit.states import TRANSITIONS, State
from deploykit.testing import Fake
from scripts.diagram import PICTURE, drawn
from tests.unit.test_docs import DOCS, README, REFERENCE, rows

JOURNAL = REFERENCE / "journal.md"
STACK = [cells for cells in rows(DOCS / "explanation" / "undo-stack.md") if cells[0] != "deployments"]


@pytest.mark.parametrize("page", [README, REFERENCE / "outcomes.md"], ids=lambda page: page.name)
def test_the_table_of_outcomes_is_that_of_the_code(page: Path) -> None:
    """Each outcome of this version, with its exit code."""
    told = {name: cells[1].split(", ") for cells in rows(page) for name in cells[0].split(", ")}
    for outcome in Outcome:
        assert str(outcome.exit_code) in told[outcome.value], outcome


def test_the_diagram_is_that_of_the_table() -> None:
    """`python -m scripts.diagram` was run, and every move of the table is an arrow in it."""
    picture = PICTURE.read_text()
    assert picture == drawn()
    for row in TRANSITIONS:
        for source in row.sources:
            assert f"<title>{source.name} → {row.target.name}: {row.trigger.name}" in picture
    assert picture.count("<polyline") == 1 + sum(len(row.sources) for row in TRANSITIONS)


def test_the_states_in_the_table_are_those_that_do_something() -> None:
    """All but the ends."""
    told = {cells[0] for cells in rows(DOCS / "explanation" / "how-it-works.md")}
    assert {state.name for state in State if state.name not in {"healthy", "rolled_back", "failed"}} <= told


@pytest.mark.parametrize(
    ("page", "module"),
    [("api", deploykit), ("api-testing", deploykit.testing), ("api-plugins", deploykit.plugins)],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_every_public_name_is_in_the_reference(page: str, module: object) -> None:
    """With what its docstring says."""
    text = (REFERENCE / f"{page}.md").read_text()
    name = getattr(module, "__name__", "")
    assert not [one for one in getattr(module, "__all__", ()) if not re.search(rf"\b{name}\.{one}\b", text)]


def test_the_tables_of_the_journal_are_those_that_it_makes(tmp_path: Path) -> None:
    """Each with its columns and their types, in that order."""
    open_journal(tmp_path / "journal.db", "engine", "project").close()
    connection = sqlite3.connect(tmp_path / "journal.db")
    made = {
        name: [(column, kind) for _, column, kind, *_ in connection.execute(f"PRAGMA table_info({name})")]
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        if not name.startswith("sqlite_")
    }
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.close()
    assert dict(told_tables()) == made
    assert f"`PRAGMA user_version` is {version}." in JOURNAL.read_text()


def told_tables() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    for chapter in JOURNAL.read_text().split("\n## ")[1:]:
        title, _, text = chapter.partition("\n")
        cells = [line.split(" | ") for line in text.splitlines() if line.startswith("| `")]
        if title.startswith("`"):
            yield title.strip("`"), [(one[0].strip("| `"), one[1]) for one in cells]


def test_the_keys_of_a_record_are_those_of_the_code() -> None:
    """And those within its values."""
    chapter = JOURNAL.read_text().partition("## What is in `record`")[2]
    told = [line.split("`")[1] for line in chapter.splitlines() if line.startswith("| `")]
    assert sorted(told) == sorted(field.name for field in fields(Record))
    for kind in (Options, Failure, TagMemory, Release, ImageRef):
        assert not [field.name for field in fields(kind) if f"`{field.name}`" not in chapter]


@pytest.mark.parametrize(("deployments", "stack", "back"), STACK)
def test_each_example_of_the_undo_stack_is_so(deploykit_fake: Fake, deployments: str, stack: str, back: str) -> None:
    """What serves, and what one rollback after the other brings."""
    app = deploykit.load("shop.toml")
    for step in deployments.split(", "):
        carry_out(deploykit_fake, app, step)
    previous = app.status().previous
    assert (previous.image.tag if previous else "nothing") == back
    assert " ".join(reversed([*unwound(deploykit_fake, app)])) == stack


def carry_out(fake: Fake, app: deploykit.App, step: str) -> None:
    match step.split():
        case ["deploy", tag]:
            assert app.deploy(tag).ok
        case [tag, "fails"]:
            fake.release(tag).crashes()
            assert not app.deploy(tag).ok
        case [tag, "by", "hand"]:
            fake.serving(tag)
        case ["rollback", *rest]:
            assert app.rollback(rest[-1] if rest else None).ok
        case _:
            raise AssertionError(step)


def unwound(fake: Fake, app: deploykit.App) -> Iterator[str]:
    """The tags in the stack, newest first."""
    try:
        while True:
            yield fake.serves or ""
            app.rollback()
    except NoSuchRelease:
        return
