"""Annotations and summaries for GitHub Actions."""

from dataclasses import replace
from pathlib import Path

import pytest

from deploykit.errors import Outcome
from deploykit.events import Event, Warned
from deploykit.observers.github import GitHubObserver, error_command, summary
from deploykit.record import Failure
from deploykit.report import report_of
from deploykit.states import State
from tests.unit.made import rolled_back, row

FAILED = rolled_back("100% | <b>broken</b>\n::error::by an app")


def test_a_command_is_one_line_whatever_is_in_it() -> None:
    """Percent, line ends, and in its properties commas and colons."""
    command = error_command("a:b,c%", "100%\r\n::error::x")
    assert command == "::error title=a%3Ab%2Cc%25::100%25%0D%0A::error::x"


def test_the_summary_has_what_others_wrote_escaped() -> None:
    """It stays one cell of the table, and no markup."""
    text = summary(FAILED)
    assert "| Failure | 100% \\| &lt;b&gt;broken&lt;/b&gt; ::error::by an app |\n" in text
    assert "| Outcome | rolled back (exit 1) |\n" in text
    assert "| Serves | nothing |\n" in text


def test_the_summary_has_the_page_of_a_failure() -> None:
    """As it is told at the end of the run; nothing in it ends the block that it stands in."""
    failure = Failure("broke", State.checking, logs="</pre><script>")
    ended = row(7, state=State.failed, outcome=Outcome.untouched, failure=failure)
    text = summary(replace(FAILED, report=report_of(ended, [])), None, lambda verb: f"deploykit {verb} web.toml")
    assert text.count("</pre>") == 1
    assert "\nlog        | &lt;/pre&gt;&lt;script&gt;\n" in text
    assert "deploykit logs web.toml --of r7" in text
    assert "<pre>" not in summary(FAILED)


def test_only_a_failure_is_an_error(tmp_path: Path) -> None:
    """Each end is in the summary; every event goes on to the other observer first."""
    said: list[object] = []
    path = tmp_path / "summary.md"
    observe = GitHubObserver(said.append, said.append, str(path))
    good = replace(FAILED, exit_code=0, outcome=Outcome.deployed, failure=None)
    events: list[Event] = [Warned(id="r7", at=0, text="x"), good, FAILED]
    for event in events:
        observe(event)
    assert said[:3] == events
    assert str(said[3]).startswith("::error title=")
    assert path.read_text().count("### Deploy: ") == 2


def test_the_target_is_in_both(tmp_path: Path) -> None:
    """One run may deploy the same image to several."""
    said: list[object] = []
    GitHubObserver(said.append, said.append, str(tmp_path / "summary.md"), "staging")(FAILED)
    assert "::error title=ghcr.io/team/web%3Atwo to staging%3A rolled back::" in str(said[1])
    assert "### Deploy: ghcr.io/team/web:two to staging: rolled back\n" in (tmp_path / "summary.md").read_text()


@pytest.mark.parametrize("path", ["/nowhere/at/all", "/", "nul\0", None])
def test_a_summary_that_cannot_be_written_stops_nothing(path: str | None) -> None:
    """The lines are in the log anyway."""
    said: list[object] = []
    GitHubObserver(said.append, None, path)(FAILED)
    assert said == [FAILED]
