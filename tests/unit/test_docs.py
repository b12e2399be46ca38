"""README and docs say what the code does."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from markdown_it import MarkdownIt

from deploykit.cli.arguments import VERBS, parse
from deploykit.config import model, read_config
from deploykit.config.probes import PROBES
from deploykit.config.values import Table
from tests.unit.made import targets_of

ROOT = Path(__file__).parents[2]
README, DOCS, REFERENCE = ROOT / "README.md", ROOT / "docs", ROOT / "docs" / "reference"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
RUN = {"console", "python", "toml", "yaml"}
"""What is in a block of these is typed, run or loaded, whatever the page."""
SHOWN = {README, DOCS / "how-to" / "testing.md", DOCS / "how-to" / "when-a-deploy-fails.md"}
"""Pages with blocks of output alone; tests of their own hold that it is what is printed."""
FOLLOWED = DOCS / "tutorial.md"
"""What tests/e2e/test_tutorial.py does, step by step: its consoles show what is printed, too."""
OTHERS = {"pip install .", "docker compose up -d proxy", "export WEB_IMAGE=ghcr.io/team/web WEB_IMAGE_TAG=none"}
"""What is typed beside deploykit and make; tests/e2e/test_wheel.py and tests/engine/test_examples.py do it."""
SPHINX = {
    "{toctree}": r"(:\w+:.*|[\w/-]+|)",
    "{eval-rst}": r"(\.\. auto(function|class|exception|module):: [\w.]+|   :[\w-]+:|)",
}
"""What Sphinx is to do with a block, and what lines are in one: no code."""
COLUMNS = 92
"""What the site shows of a block on a screen of 1280 without being scrolled."""


def fences(page: Path) -> list[tuple[str, str]]:
    """The blocks of a page: language, or what Sphinx is to do with it, and text."""
    return [(one.info, one.content) for one in MarkdownIt().parse(page.read_text()) if one.type == "fence"]


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in fences(page) if kind == language]


def rows(page: Path) -> list[list[str]]:
    """The cells of each line of its tables."""
    lines = [line for line in page.read_text().splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def links(page: Path) -> Iterator[str]:
    """Where its links and pictures lead, but for what is elsewhere."""
    for block in MarkdownIt().enable("table").parse(page.read_text()):
        for one in block.children or ():
            to = str(one.attrs.get("href") or one.attrs.get("src") or "")
            if to and not to.startswith("https://"):
                yield to


def headings(page: Path) -> set[str]:
    """What its headings are called in a link."""
    titles = re.findall(r"^#+ (.*)$", sentences(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


def consoles(page: Path) -> list[str]:
    """The lines of its consoles."""
    return "".join(blocks(page, "console")).splitlines()


def sentences(page: Path) -> str:
    return re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)


def commands(page: Path) -> list[list[str]]:
    """The words after `deploykit` of each command of a page. In a sentence it may be a form, with brackets or dots."""
    typed = [line.removeprefix("$ deploykit ") for line in consoles(page) if line.startswith("$ deploykit ")]
    named = re.findall(r"`deploykit\s+([^`|]+)`", sentences(page))
    typed += [one for one in named if not re.search(r"\[|…|--help|--version", one)]
    return [shlex.split(one, comments=True) for one in typed]


@pytest.mark.usefixtures("example_plugin")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_config_in_the_docs_is_one(page: Path, tmp_path: Path) -> None:
    """It can be read as it stands there; what is of a pyproject.toml is that of the example."""
    for number, block in enumerate(blocks(page, "toml")):
        if block.startswith("[project"):
            assert block in (ROOT / "examples" / "plugin" / "pyproject.toml").read_text()
            continue
        path = tmp_path / f"{number}.toml"
        path.write_text(block)
        for target in targets_of(path):
            assert read_config(path, {}, target).app.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """Those to files of the project, and to headings in them; tests/unit/test_links.py has the others."""
    for link in links(page):
        name, _, heading = link.partition("#")
        found = (page.parent / unquote(name)).resolve() if name else page
        assert found.exists(), link
        assert not heading or unquote(heading) in headings(found), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_block_is_left_to_itself(page: Path) -> None:
    """Each is of a kind that tests run or load, or shows what a test of its own prints; none is of HTML."""
    for kind, text in fences(page):
        assert kind in RUN | SPHINX.keys() or (kind == "text" and page in SHOWN), kind
        assert all(re.fullmatch(SPHINX[kind], line) for line in text.splitlines() if kind in SPHINX), text
    others = [one.content for one in MarkdownIt().parse(page.read_text()) if one.type in {"code_block", "html_block"}]
    assert not [text for text in others if not text.startswith("<!--")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_line_of_a_console_is_typed_somewhere(page: Path) -> None:
    """And none shows what is printed, but for that of the page that is followed."""
    if page == FOLLOWED:
        return
    makes = {f"make {target}" for target in re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)}
    for line in consoles(page):
        typed = line.removeprefix("$ ").partition("  #")[0].rstrip()
        assert line.startswith("$ deploykit ") or (line.startswith("$ ") and typed in makes | OTHERS), line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_block_is_wider_than_a_screen(page: Path) -> None:
    """So that nobody has to scroll for the end of a line."""
    assert not [line for _, text in fences(page) for line in text.splitlines() if len(line) > COLUMNS]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_compose_file_in_the_docs_is_one(page: Path) -> None:
    """Of YAML, with services."""
    for block in blocks(page, "yaml"):
        assert yaml.safe_load(block)["services"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_in_the_docs_can_be_typed(page: Path) -> None:
    """Those in a console, and those that stand in a sentence with something behind the verb."""
    for typed in commands(page):
        parse(typed)


def test_the_page_for_sandmatch_is_the_same_in_russian() -> None:
    """The same commands, chapter by chapter, and the same number of lines in its tables and lists."""
    english, russian = DOCS / "from-deploy-sh.md", DOCS / "ru" / "from-deploy-sh.md"
    assert sorted(commands(english)) == sorted(commands(russian))
    shapes = [re.findall(r"^(#+ |\| |- )", page.read_text(), re.MULTILINE) for page in (english, russian)]
    assert shapes[0] == shapes[1]


def test_every_verb_is_used_as_it_can_be_typed() -> None:
    """Also where a sentence leaves out `deploykit`, as in `run --force`."""
    for page in DOCS.rglob("*.md"):
        for typed in re.findall(r"`([a-z]+ [^`|]+)`", sentences(page)):
            verb, *words = shlex.split(typed)
            if verb in VERBS.keys() - {"compose"} and not re.search(r"\[|…|--of$", typed):
                parse([verb, *words])


def tables(table: type[Table]) -> list[type[Table]]:
    """The kinds of tables of a config, a plug-in's but for what all have."""
    return [table, *(found for one in table.__subclasses__() for found in tables(one))]


def test_every_key_is_in_the_docs() -> None:
    """Those of every table, of every kind of backend, and of every kind of probe."""
    page = (REFERENCE / "config.md").read_text()
    keys = {key for table in tables(Table) for key in table.model_fields}
    assert keys > {key for table in [*PROBES.values(), *model.BACKENDS.values()] for key in table.model_fields}
    missing = {key for key in keys if not re.search(rf"(`|\b){key}(`| *=)", page)}
    assert not missing
