"""The report of a failure on one screen: plain lines of at most 71 columns, so that they fit behind a prefix in 80."""

import re
from collections.abc import Callable, Iterator
from textwrap import wrap

from deploykit.errors import Outcome
from deploykit.record import IMAGE, Failure, Looks
from deploykit.release import ImageRef, Instance, Release
from deploykit.report import Before, Migration, Outage, Report, Serving
from deploykit.states import State
from deploykit.text import lasting, lines, minute, one_line

WIDTH = 71
_INDENT = 11
_ROOM = WIDTH - _INDENT
_DETAIL_LINES = 4
_LOG_LINES = 8
_LINES = 4
"""Of a paragraph."""
_LONG_ID = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")
_LOOK_NOW = "LOOK NOW: "
_PARTS = 5
_SHORT = 19
"""Characters of a digest that are enough to know it by."""

Command = Callable[[str], str]
"""How a verb is typed: `deploykit VERB sandmatch.toml`."""

_IN_WORDS = {
    Outcome.rolled_back: "failed, and what served before serves again",
    Outcome.untouched: "failed, and nothing was replaced",
    Outcome.restore_failed: "failed, and so did going back",
    Outcome.left_unhealthy: "failed, and was left as it is",
    Outcome.unfinished: "is not finished",
    Outcome.no_target: "failed, and there was nothing to go back to",
    Outcome.interrupted: "was interrupted, and what served before serves",
}
_MIGRATION = {
    Migration.none: "no release_command is configured; what the app does at its own start is not known",
    Migration.not_run: "the release command was not run",
    Migration.failed: "the release command did not finish: what it did until then is not undone",
    Migration.cut: "the release command was cut short: what it did until then is not undone",
    Migration.unknown: "the release command was begun; how far it came is not known",
    Migration.finished: "the release command finished before the failure, and is not undone: the database may be ahead"
    " of what serves",
}

_DOWN = {
    Outage.none: "nothing: what served was not replaced",
    Outage.first: "nothing: nothing served before",
    Outage.exactly: "nothing healthy served for {seconds}",
    Outage.at_most: "nothing healthy served for {seconds} at most",
    Outage.at_least: "nothing healthy served for at least {seconds}: what served before was not healthy either",
    Outage.goes_on: "nothing healthy serves; for how long is not known",
    Outage.unknown: "for how long nothing healthy served is not known",
}
_KILLED = "deploykit was killed in it, and another run went on; what the first had not written down is not known"
_GOES_ON = "nothing healthy has served since {since}: for {seconds} when this ended"


def plainly(verb: str) -> str:
    """Return how a verb is typed where the one config file is found by itself."""
    return f"deploykit {verb}"


def page(report: Report, command: Command = plainly) -> list[str]:
    """Return the lines. `command` returns how a verb is typed."""
    return [one_line(line).rstrip() for line in _page(report, command)]


def head(report: Report) -> list[str]:
    """Return its first lines: how it ended, and what serves now."""
    return [one_line(line).rstrip() for line in _head(report)]


def short(image: ImageRef) -> str:
    """Return the tag; of an image without one, what pins it."""
    return image.tag or image.digest or image.id or image.name


def _page(report: Report, command: Command) -> Iterator[str]:
    yield from _head(report)
    yield from _entry("failed", *_failed(report.failure))
    yield from _entry("down", _down(report))
    if report.cut:
        yield from _entry("killed", _KILLED)
    yield from _seen(report.failure)
    yield from _entry("going back", *_failed(report.restore_failure))
    yield from _seen(report.restore_failure)
    yield from _entry("before", *_before(report.before))
    yield from _entry("changed", *_changed(report))
    if report.migration:
        yield from _entry("migration", _MIGRATION[report.migration])
    yield from _log(report)
    yield from _next(report, command)


def _head(report: Report) -> Iterator[str]:
    """What serves comes first where it must be looked at now."""
    said = f"{report.image.name} {_IN_WORDS[report.outcome]}; exit code {report.exit_code}"
    ended = _wrapped(f"{report.id}: {said}", "  ")
    if report.look_now:
        first = f"{_LOOK_NOW}{_serves(report.serving, 'nothing healthy serves')}"
        yield from [*_wrapped(first, " " * len(_LOOK_NOW)), *ended]
    else:
        yield from [*ended, *_entry("serves now", _serves(report.serving, "nothing healthy"))]


def _failed(failure: Failure | None) -> Iterator[str]:
    if failure is None:
        return
    where = "while it was watched" if failure.state is State.healthy else f"in {failure.state.name}"
    yield _short_ids(f"{where}: {failure.summary}")
    if not any(looks.last for looks in failure.looks):  # else the probe's line has it
        said = [line for line in lines(failure.detail, _DETAIL_LINES) if not failure.summary.endswith(line.strip())]
        yield from (_short_ids(f"| {line}") for line in said)
    if failure.hint:
        yield failure.hint


def _short_ids(text: str) -> str:
    """Return what an engine said with the beginning of its long ids: what matters stands behind them."""
    return _LONG_ID.sub(r"\1", text)


def _serves(serving: Serving, nothing: str) -> str:
    if serving.release is None:
        return "it is not known what serves" if serving.healthy is None else "nothing serves, and nothing did before"
    name = _named(serving.release)
    if serving.healthy is False:
        return f"{nothing}; what is there is {name}"
    if serving.since is None:
        return f"{name}; since when is not known"
    return f"{name}, {'again ' if serving.again else ''}since {minute(serving.since)}"


def _down(report: Report) -> str:
    down = report.down
    template = _GOES_ON if down.outage is Outage.goes_on and down.since is not None else _DOWN[down.outage]
    since = "" if down.since is None else minute(down.since)
    return template.format(seconds="" if down.seconds is None else lasting(down.seconds), since=since)


def _seen(failure: Failure | None) -> Iterator[str]:
    """What was seen of the release that failed: by the probes, and by the runtime."""
    if failure is None:
        return
    if failure.dead and not failure.looks:
        yield from _entry("probe", "no look was over before it died")
    for looks in failure.looks:
        last = f"; the last answer: {looks.last}" if looks.last and looks.kinds != ((looks.last, looks.looks),) else ""
        yield from _entry("probe", looks.probe or "by the runtime's own word", f"{counted(looks)}{last}")
    yield from _entry("instance", *map(_instance, failure.instances))


def counted(looks: Looks) -> str:
    """Return what a probe answered in a line: how often, and how often of each kind."""
    kinds = ", ".join(_times(kind, count) for kind, count in looks.kinds)
    return f"{looks.looks} look{'s' if looks.looks != 1 else ''}: {kinds}"


def _times(kind: str, count: int) -> str:
    said_as_it_is = kind.replace(" ", "").isalpha() and kind.count(" ") <= 1
    return f"{count} {kind}" if said_as_it_is else f"{count} × {kind}"  # noqa: RUF001 - it is read as "times"


def _instance(one: Instance) -> str:
    said = [one.status if one.health is None else f"{one.status} ({one.health})"]
    if one.exit_code is not None:
        said.append(f"exit code {one.exit_code}")
    if one.oom_killed:
        said.append("out of memory")
    said.append(f"{one.restarts} restart{'s' if one.restarts != 1 else ''}")
    return f"{one.name or one.id[:12]}: {', '.join(said)}"


def _before(before: Before | None) -> Iterator[str]:
    if before is None:
        return
    name = _named(before.release)
    match before.healthy:
        case True:
            yield f"{name} passed the same probes when this began"
        case False:
            yield f"{name} failed the same probes when this began: {before.reason}"
        case None:
            yield f"{name}; whether it passed the same probes is not known"


def _changed(report: Report) -> Iterator[str]:
    if report.changes is None or report.before is None:
        return
    for change in report.changes[:_PARTS]:
        if change.part == IMAGE:
            yield f"image: {_images(report.before.release.image, report.image)}"
        else:
            yield f"{change.part}: {', '.join(line.strip() for line in change.lines)}"
    if not report.changes:
        yield "nothing: the same image and files as before"
    if len(report.changes) > _PARTS:
        yield f"and {len(report.changes) - _PARTS} more"


def _images(old: ImageRef, new: ImageRef) -> str:
    if old.name == new.name:
        return f"other content under the same name, {_content(new)}, was {_content(old)}"
    if old.repository != new.repository:
        return f"{new.name}, was {old.name}"
    return f"{short(new)}, was {short(old)}"


def _content(image: ImageRef) -> str:
    return (image.digest or image.id or "not known")[:_SHORT]


def _log(report: Report) -> Iterator[str]:
    for failure in (report.failure, report.restore_failure):
        if failure and failure.logs:
            yield from _entry("log", *(f"| {line}" for line in lines(failure.logs, _LOG_LINES)))


def _next(report: Report, command: Command) -> Iterator[str]:
    typed = [(f"{command(step.verb)} {step.arguments}".rstrip(), step.why) for step in report.next]
    column = max((len(what) for what, _ in typed), default=0)
    label = "next"
    for what, why in typed:  # which are to be copied, so never broken
        fits = _INDENT + column + 2 + len(why) <= WIDTH
        yield f"{label:<{_INDENT}}{what:<{column}}  {why}" if fits else f"{label:<{_INDENT}}{what}"
        if not fits:
            yield f"{'':<{_INDENT}}  {why}"
        label = ""


def _named(release: Release) -> str:
    name = short(release.image)
    return f"{name} ({release.id})" if release.id else name


def _entry(label: str, *paragraphs: str) -> Iterator[str]:
    """Yield paragraphs behind a label; of what others wrote, which begins with a bar, each line has one."""
    for paragraph in paragraphs:
        for line in _wrapped(paragraph, "|   " if paragraph.startswith("| ") else "", _ROOM, _LINES):
            yield f"{label:<{_INDENT}}{line}"
            label = ""


def _wrapped(text: str, indent: str, width: int = WIDTH, most: int | None = None) -> list[str]:
    """Break between words: a name with hyphens in it stays one."""
    return wrap(
        one_line(text),
        width,
        subsequent_indent=indent,
        max_lines=most,
        placeholder=" …",
        break_on_hyphens=False,
    )
