"""The site of docs/: built without a warning, every link leads somewhere, nothing is fetched from elsewhere."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.unit.test_docs import DOCS

pytestmark = pytest.mark.xdist_group("site")
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
MEASURE = Path(__file__).with_name("measure.html")
LOADS = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src", "object": "data"}


@dataclass
class Page(HTMLParser):
    """What a page has in it that leads elsewhere, or can be led to."""

    path: Path
    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids |= {given["id"]} if "id" in given else set()
        self.links += [given["href"]] if tag == "a" and "href" in given else []
        self.loads += [given[LOADS[tag]]] if LOADS.get(tag) in given else []


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site, as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    argv = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "--builder", "html"]
    done = subprocess.run([*argv, DOCS, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in sorted(site.rglob("*.html"))}


def test_every_page_is_on_it(site: Path, pages: dict[Path, Page]) -> None:
    """And can be come to from the first."""
    first = pages[site / "index.html"]
    linked = {(site / urlsplit(link).path).resolve() for link in first.links}
    for page in DOCS.rglob("*.md"):
        built = (site / page.relative_to(DOCS)).with_suffix(".html")
        assert built in pages
        assert built in linked | {first.path}


def test_every_link_leads_somewhere(site: Path, pages: dict[Path, Page]) -> None:
    """To a file of the site, and to a place in it. The search's own page is filled in when it is used."""
    lost = []
    for page in pages.values():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            path = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
            there = path in pages and unquote(parts.fragment) in pages[path].ids if parts.fragment else path.is_file()
            lost += [] if there else [f"{page.path.relative_to(site)}: {link}"]
    assert not lost


def test_nothing_is_fetched_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    """No font, script, picture or style: what is loaded is in the folder."""
    for page in pages.values():
        for load in page.loads:
            parts = urlsplit(load)
            assert not parts.netloc
            assert parts.scheme == "data" or (page.path.parent / parts.path).is_file() or load == "#", load
    for style in site.rglob("*.css"):
        assert not re.search(r"""(@import|url\()\s*["']?(https?:|//)""", style.read_text()), style


@pytest.mark.skipif(BROWSER is None, reason="there is no browser")
def test_nothing_is_cut_off_in_a_browser(site: Path, pages: dict[Path, Page], tmp_path: Path) -> None:
    """No page is wider than a telephone; on a screen no block and no table has to be scrolled."""
    shown = [str(path.relative_to(site)) for path in pages if "_modules" not in path.parts]
    (site / "measure.html").write_text(MEASURE.read_text().replace("of PAGES", f"of {json.dumps(shown)}"))
    argv = [str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}"]
    argv += ["--allow-file-access-from-files", "--virtual-time-budget=600000", "--dump-dom"]
    done = subprocess.run([*argv, (site / "measure.html").as_uri()], capture_output=True, text=True, check=False)
    (told,) = re.findall(r'<pre id="out">(.*?)</pre>', done.stdout, re.DOTALL)
    assert json.loads(unescape(told)) == []
