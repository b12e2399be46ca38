"""GitHub Actions: how a deployment ended as an annotation of the run, and in its summary."""

from collections.abc import Callable
from contextlib import suppress
from html import escape
from pathlib import Path

from deploykit.events import Event, Finished
from deploykit.observers.ending import named
from deploykit.page import Command, page, plainly
from deploykit.protocols import Observer
from deploykit.text import one_line


class GitHubObserver:
    """Hands events to `inner`; writes an `::error::` line by `write` for what failed, and appends to the summary file.

    `write` is None where stdout must have nothing else on it. `summary` is the path in $GITHUB_STEP_SUMMARY, if any.
    `target` is which of a config file's it is; `command` returns how a verb is typed.
    """

    def __init__(
        self,
        inner: Observer,
        write: Callable[[str], object] | None,
        summary: str | None,
        target: str | None = None,
        command: Command = plainly,
    ) -> None:
        self._inner = inner
        self._write = write
        self._summary = summary
        self._target = target
        self._command = command

    def __call__(self, event: Event) -> None:
        self._inner(event)
        if not isinstance(event, Finished):
            return
        if event.exit_code and self._write:
            self._write(error_command(_title(event, self._target), _reason(event)))
        if self._summary:
            with suppress(OSError, ValueError):  # the deployment is over, and its lines are in the log
                _append(self._summary, summary(event, self._target, self._command))


def error_command(title: str, text: str) -> str:
    """Return the workflow command that annotates a run with an error."""
    return f"::error title={_property(title)}::{_data(text)}"


def summary(event: Finished, target: str | None = None, command: Command = plainly) -> str:
    """Return the end of a deployment as Markdown, with the page of a failure. What others wrote is escaped."""
    rows = {
        "Outcome": f"{event.outcome.name.replace('_', ' ')} (exit {event.exit_code})",
        "Release": f"{event.image.name} ({event.id})",
        "Serves": named(event.serving),
        "`rollback` brings": named(event.previous),
        "Took": f"{event.duration:.1f}s",
    }
    if event.failure:
        rows["Failure"] = event.failure.summary
    table = "".join(f"| {name} | {_cell(value)} |\n" for name, value in rows.items())
    title = _cell(_title(event, target))
    return f"### {event.kind.name.capitalize()}: {title}\n\n| | |\n|---|---|\n{table}\n{_page(event, command)}"


def _page(event: Finished, command: Command) -> str:
    if not event.report or not event.exit_code:
        return ""
    lines = "\n".join(page(event.report, command))
    return f"<pre>\n{escape(lines, quote=False)}\n</pre>\n\n"


def _title(event: Finished, target: str | None) -> str:
    where = f" to {target}" if target else ""
    return f"{event.image.name}{where}: {event.outcome.name.replace('_', ' ')}"


def _reason(event: Finished) -> str:
    why = f"{event.failure.summary}. " if event.failure else ""
    return f"{why}Now serves: {named(event.serving)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _cell(text: str) -> str:
    return "".join(f"\\{one}" if one in "\\`*_[]|#~!" else one for one in escape(one_line(text), quote=False))


def _append(path: str, text: str) -> None:
    with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
