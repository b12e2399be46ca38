"""The `http` probe: what it makes of a JSON body."""

import gzip
import json
import socket
from collections.abc import Callable

import pytest

from deploykit.probes import HttpProbe
from deploykit.protocols import ProbeVerdict, Verdict
from deploykit.release import Instance

Handle = Callable[[socket.socket, bytes], None]
HEALTHY = Verdict(ProbeVerdict.healthy)
WEB = Instance(id="a" * 64, service="web", status="running", address="127.0.0.1")
BODY = {"ok": True, "checks": {"database": False, "queues": [{"depth": 0}, {"depth": 7}]}, "version": "1.0", "n": 1.0}


@pytest.fixture
def ask(serve: Callable[..., int], respond: Callable[..., Handle]) -> Callable[..., Verdict]:
    """Have a body judged against `require` and `warn`."""

    def look(
        body: bytes,
        require: dict[str, object] | None = None,
        warn: dict[str, object] | None = None,
        kind: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> Verdict:
        port = serve(respond(body, kind=kind, headers=headers))
        return HttpProbe(port=port, require=require or {}, warn=warn or {}).look([WEB], 30.0)

    return look


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("ok", True),
        ("checks.database", False),
        ("checks.queues.1.depth", 7),
        ("checks.queues.0", {"depth": 0}),
        ("checks.queues", [{"depth": 0}, {"depth": 7}]),
        ("version", "1.0"),
        ("n", 1),
    ],
)
def test_what_is_required_and_there_is_healthy(ask: Callable[..., Verdict], path: str, value: object) -> None:
    """A dotted path leads through objects and lists to a value that is equal as JSON."""
    assert ask(json.dumps(BODY).encode(), {path: value}) == HEALTHY


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("checks.database", True, "checks.database is false, not true"),
        ("ok", 1, "ok is true, not 1"),
        ("checks.database", 0, "checks.database is false, not 0"),
        ("checks.queues.0.depth", False, "checks.queues.0.depth is 0, not false"),
        ("n", True, "n is 1.0, not true"),
        ("version", 1.0, 'version is "1.0", not 1.0'),
        ("checks.queues.0", {"depth": False}, "checks.queues.0 is an object, not an object"),
        ("checks.queues", [{"depth": 0}], "checks.queues is a list, not a list"),
        ("checks.queues", [{"depth": False}, {"depth": 7}], "checks.queues is a list, not a list"),
        ("checks.queues.0", {}, "checks.queues.0 is an object, not an object"),
        ("checks.queues.0", {"depth": 0, "more": 1}, "checks.queues.0 is an object, not an object"),
        ("checks", True, "checks is an object, not true"),
        ("nothing", True, "nothing is missing"),
        ("checks.cache", True, "checks.cache is missing"),
        ("ok.deeper", True, "ok.deeper is missing"),
        ("checks.queues.2.depth", 0, "checks.queues.2.depth is missing"),
        ("checks.queues.-1.depth", 7, "checks.queues.-1.depth is missing"),
        ("checks.queues.²", 7, "checks.queues.² is missing"),
        ("checks.queues." + "9" * 5000, 7, None),
    ],
)
def test_what_is_required_and_not_there_is_unhealthy(
    ask: Callable[..., Verdict], path: str, value: object, reason: str | None
) -> None:
    """A value that is missing or another one is unhealthy, and the reason names the path; true is not 1."""
    verdict = ask(json.dumps(BODY).encode(), {path: value})
    assert verdict.verdict is ProbeVerdict.unhealthy
    assert reason is None or verdict.reason == reason


def test_all_that_is_wrong_is_told(ask: Callable[..., Verdict]) -> None:
    """Several mismatches make one reason."""
    verdict = ask(b'{"a": 1, "b": null}', {"a": 2, "b": 3})
    assert verdict.reason == "a is 1, not 2; b is null, not 3"


def test_a_warning_never_fails(ask: Callable[..., Verdict]) -> None:
    """What should be and is not is a warning of a healthy verdict."""
    verdict = ask(b'{"a": false}', warn={"a": True, "checks.b": True})
    assert verdict == Verdict(ProbeVerdict.healthy, warnings=("a is false, not true", "checks.b is missing"))


def test_warnings_of_several_instances_are_told_apart(
    serve: Callable[..., int], respond: Callable[..., Handle]
) -> None:
    """Among several instances, each warning names its own."""
    instances = [
        Instance(id=name, name=name, service="web", status="running", address=f"127.0.0.1:{serve(respond(body))}")
        for name, body in (("web-1", b'{"a": 1}'), ("web-2", b'{"a": 2}'))
    ]
    verdict = HttpProbe(url="http://{host}:{port}/", warn={"a": 1}).look(instances, 30.0)
    assert verdict == Verdict(ProbeVerdict.healthy, warnings=("web-2: a is 2, not 1",))


@pytest.mark.parametrize("body", [b"<html>", b"\xff", b"[" * 10_000, b""])
def test_a_body_that_nobody_wants_is_not_parsed(ask: Callable[..., Verdict], body: bytes) -> None:
    """Without `require` and `warn` the body may be anything."""
    assert ask(body) == HEALTHY


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"ok": tru', "answered broken JSON: Expecting value: line 1 column 8 (char 7)"),
        (b'{"ok": true} x', "answered broken JSON: Extra data: line 1 column 14 (char 13)"),
        (b'{"ok": NaN}', "answered broken JSON: it has no NaN"),
        (b'{"ok": -Infinity}', "answered broken JSON: it has no -Infinity"),
        (b"[" * 10_000 + b"]" * 10_000, "answered broken JSON: nested too deeply"),
        (b'{"a":' * 10_000, "answered broken JSON: nested too deeply"),
        (b"", "answered nothing, not JSON"),
    ],
)
def test_broken_json_is_unhealthy(ask: Callable[..., Verdict], body: bytes, reason: str) -> None:
    """Broken JSON, of any kind, is unhealthy with a reason."""
    assert ask(body, {"ok": True}) == Verdict(ProbeVerdict.unhealthy, reason)


@pytest.mark.parametrize("body", [b"\xff\xfe\xfa", b'{"ok": ' + b"9" * 5000 + b"}", b'"\xed\xa0\x80"'])
def test_other_bytes_are_unhealthy(ask: Callable[..., Verdict], body: bytes) -> None:
    """Bytes that are no text, and numbers beyond bounds, are unhealthy with a reason."""
    verdict = ask(body, {"ok": True})
    assert verdict.verdict is ProbeVerdict.unhealthy
    assert verdict.reason


def test_html_is_told(ask: Callable[..., Verdict]) -> None:
    """HTML in place of JSON is told with its beginning."""
    page = b"<!doctype html>\n<title>Sandmatch</title>" + b"x" * 100
    verdict = ask(page, {"ok": True}, kind="text/html; charset=utf-8")
    start = "<!doctype html> <title>Sandmatch</title>" + "x" * 19 + "…"
    assert verdict == Verdict(ProbeVerdict.unhealthy, f"answered text/html, not JSON: {start}")


def test_json_under_another_name_counts(ask: Callable[..., Verdict]) -> None:
    """JSON is JSON whatever its content type says."""
    assert ask(b'{"ok": true}', {"ok": True}, kind="text/plain") == HEALTHY


def test_without_json_only_warnings_are_lost(ask: Callable[..., Verdict]) -> None:
    """A body that is no JSON does not fail a probe that only warns."""
    verdict = ask(b"fine", warn={"ok": True}, kind="text/plain")
    assert verdict == Verdict(ProbeVerdict.healthy, warnings=("answered text/plain, not JSON: fine",))


def test_a_compressed_answer_is_left_so(ask: Callable[..., Verdict]) -> None:
    """A compressed answer is never decompressed: a gzip bomb is as small as it came, and the reason says gzip."""
    bomb = gzip.compress(b'{"ok": true}' + b" " * 50_000_000)
    headers = {"Content-Encoding": "gzip"}
    verdict = ask(bomb, {"ok": True}, headers=headers)
    assert verdict == Verdict(ProbeVerdict.unhealthy, "answered gzip, though asked for no compression")
    assert ask(bomb, headers=headers) == HEALTHY


@pytest.mark.parametrize("value", ["\x1b[2J\x07", "\ud800", "x" * 10_000])
def test_values_are_cleaned_and_cut(ask: Callable[..., Verdict], value: str) -> None:
    """What the app says is cut, and steers no terminal."""
    reason = ask(json.dumps({"status": value}).encode(), {"status": "ok"}).reason
    assert reason.startswith('status is "')
    assert reason.isprintable()
    assert len(reason) < 100
