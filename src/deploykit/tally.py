"""Counts what the probes answer while a release is waited for, by kind: its size is bounded, however they differ."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from deploykit.protocols import Verdict
from deploykit.record import Looks

KINDS = 5
"""Kinds of answers of a probe that are told apart; what comes beyond is one more."""
OTHERS = "others"
_HEALTHY = "healthy"
_LONGEST_KIND = 40
_LONGEST_ANSWER = 300
# What is told alike of each instance, with its name before it where there are several.
_KNOWN = (
    (re.compile(r"(?:^|: )answer(?:ed|s) (\d{3})\b"), r"\1"),
    (re.compile(r"(?:^|: )connection refused$"), "refused"),
    (re.compile(r"(?:^|: )no answer within \S+$"), "timed out"),
    (re.compile(r"(?:^|: )connection reset by peer$"), "reset"),
    (re.compile(r"(?:^|: )the connection was closed without an answer$"), "closed"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one probe, by its name, said in a look."""

    probe: str
    verdict: Verdict


@dataclass(slots=True)
class _Count:
    looks: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    last: str = ""


class Tally:
    """The answers of a wait so far."""

    def __init__(self) -> None:
        self._counts: dict[str, _Count] = {}

    def add(self, answers: Iterable[Answer], *, cut: bool = False) -> None:
        """Count a look. One that the end of the budget has cut says nothing that the last answer could be."""
        for answer in answers:
            reason = answer.verdict.reason
            count = self._counts.setdefault(answer.probe, _Count())
            kind = _HEALTHY if answer.verdict.healthy else kind_of(reason)
            if kind not in count.kinds and len(count.kinds) >= KINDS:
                kind = OTHERS
            count.looks += 1
            count.kinds[kind] = count.kinds.get(kind, 0) + 1
            if not cut or not count.last:
                count.last = reason[:_LONGEST_ANSWER]

    @property
    def looks(self) -> tuple[Looks, ...]:
        """What was counted, by probe, in the order in which they were first asked."""
        return tuple(Looks(name, one.looks, tuple(one.kinds.items()), one.last) for name, one in self._counts.items())


def kind_of(reason: str) -> str:
    """Return what answers are counted by: the status, what befell the connection, or the words without their numbers.

    One word before a colon is an instance's name. What follows another one is the app's own, and may differ each time.
    Of several things that were not as required the first one counts.
    """
    for known, kind in _KNOWN:
        if found := known.search(reason):
            return found.expand(kind)
    words = re.sub(r"\d+", "N", re.sub(r"^\S+: ", "", reason).partition(": ")[0].partition("; ")[0].strip())
    return (words if len(words) <= _LONGEST_KIND else f"{words[: _LONGEST_KIND - 1].rstrip()}…") or "unhealthy"
