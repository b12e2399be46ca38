"""docs/reference/json.md says what is printed with --json."""

import re
import shlex
from dataclasses import fields

import pytest

from deploykit import events
from deploykit.cli.arguments import VERBS
from deploykit.protocols import Holder, Offer
from deploykit.record import Change, Failure, Looks
from deploykit.report import Before, Down, Migration, Outage, Report, Serving, Step
from tests.unit.cli.conftest import Cli, Registry
from tests.unit.made import image
from tests.unit.test_docs import REFERENCE, rows

PAGE = REFERENCE / "json.md"
TABLES = {cells[0].strip("`"): cells[1] for cells in rows(PAGE) if cells[0].startswith("`")}
DOCUMENTS = {typed: keys for typed, keys in TABLES.items() if typed.partition(" ")[0] in VERBS}


def named(text: str) -> set[str]:
    return set(re.findall(r"`([a-z_]+)`", text))


def without_brackets(text: str) -> str:
    return re.sub(r"\(.*?\)", "", text)


def test_every_event_is_in_the_docs() -> None:
    """With its keys, beside those that all have."""
    made = {one.name: {key.name for key in fields(one)} - {"id", "at"} for one in events.Event.__subclasses__()}
    assert {name: named(keys) for name, keys in TABLES.items() if name not in DOCUMENTS} == made


@pytest.fixture
def busy(cli: Cli) -> Cli:
    """A good deploy, one that failed, an operator's hold, and a registry."""
    cli.world.good("one")
    cli.world.backend.release("two").crashes(log="ImportError: courts")
    cli("run", "--tag", "two")
    cli("hold", "-m", "why")
    Registry([Offer(image("one"))]).stands_behind(cli)
    return cli


@pytest.mark.parametrize("typed", DOCUMENTS)
def test_every_document_has_the_keys_that_the_docs_say(typed: str, busy: Cli) -> None:
    """No more and no fewer; of what stands in it, those that are named in brackets."""
    said = busy.json(*shlex.split(typed))
    document = said[0] if isinstance(said, list) else said
    told = DOCUMENTS[typed].partition("; else")[0]
    assert isinstance(said, list) == told.startswith("array")
    assert set(document) == named(without_brackets(told))
    for key, within in re.findall(r"`(\w+)` \((.*?)\)", told):
        part = document[key][0] if document[key] and isinstance(document[key], list) else document[key]
        assert not isinstance(part, dict) or named(within) <= set(part)
    if isinstance(document.get("event"), str):
        assert f"(`{document['event']}`" in told


def test_the_report_is_as_the_docs_say() -> None:
    """Its keys, in order, and those of what stands in it."""
    chapter = PAGE.read_text().partition("## The report of a failure\n")[2].partition("\n## ")[0]
    bullets = re.findall(r"^- (.*?):", chapter, re.MULTILINE)
    assert re.findall(r"`(\w+)`", " ".join(bullets)) == [one.name for one in fields(Report)]
    words = set(re.findall(r"\w+", chapter))
    for kind in (Failure, Looks, Serving, Down, Before, Change, Step):
        assert {one.name for one in fields(kind)} <= words
    assert {one.value for one in [*Outage, *Migration]} <= words


def test_a_lock_is_as_the_docs_say() -> None:
    """Of the row of `status`."""
    assert {"pid", "by", "since", "doing"} <= {one.name for one in fields(Holder)} & named(DOCUMENTS["status"])
