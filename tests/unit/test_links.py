"""Every link that leads elsewhere is in docs/links.rst, which `make links` asks: a new one is seen in review."""

import re
from itertools import chain
from urllib.parse import urlsplit

from tests.unit.test_docs import DOCS, PAGES, ROOT

LISTED = re.findall(r"^- (.*)$", (DOCS / "links.rst").read_text(), re.MULTILINE)
SAMPLES = r"(localhost|127\.0\.0\.1|[\w.-]+\.(example|invalid)|.*[{}\\].*|)(:.*)?"
"""Hosts of addresses that are made up, or filled in: nobody follows them."""
KEYS = {"https://index.docker.io/v1/", "http://www.w3.org/2000/svg"}
"""Names of things, in the form of an address."""


def used() -> set[str]:
    """The addresses in texts, examples, docstrings and messages."""
    sources = chain.from_iterable((ROOT / where).rglob("*.*") for where in ("src", "examples"))
    files = [*PAGES, ROOT / "CHANGELOG.md", *(one for one in sources if one.is_file() and one.suffix != ".pyc")]
    texts = [one.read_text() for one in files]
    found = {link.rstrip(".,;:") for text in texts for link in re.findall(r"https?://[^\s\"'`)>|]*", text)}
    return {link for link in found if not re.fullmatch(SAMPLES, urlsplit(link).netloc)} - KEYS


def test_every_link_that_leads_elsewhere_is_in_the_list() -> None:
    """And the list has no other, each once, in order."""
    assert sorted(used()) == LISTED


def test_every_link_that_leads_elsewhere_can_be_asked() -> None:
    """By https, at a name that is one, with no user, port or query."""
    for link in LISTED:
        assert re.fullmatch(r"https://([a-z0-9-]+\.)+[a-z]{2,}/[\w./-]*(#[\w-]+)?", link), link
