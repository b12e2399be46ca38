"""Whatever a registry answers, it is understood or told as one that makes no sense."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploykit.backends.engine.registry import catalogue
from deploykit.backends.engine.registry.catalogue import Catalogue
from deploykit.backends.engine.registry.credentials import Credentials
from deploykit.backends.engine.registry.exchange import Answer
from deploykit.errors import RegistryFailed
from deploykit.release import ImageRef
from deploykit.text import iso

KEYS = [
    "manifests",
    "platform",
    "os",
    "architecture",
    "digest",
    "config",
    "layers",
    "size",
    "created",
    "tags",
    "errors",
]
KNOWN = ["sha256:" + "a" * 64, "linux", "amd64", "2026-01-01T00:00:00Z", "0001-01-01T00:00:00"]
BODIES = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(KNOWN),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inside, max_size=5),
    max_leaves=20,
)
CHALLENGES = st.sampled_from(["", "Bearer", 'Bearer realm="A://["', 'Bearer realm="https://a/b"', 'Basic realm="x"'])
ANSWERS = st.tuples(st.sampled_from([200, 200, 200, 401, 404, 429, 500]), CHALLENGES, BODIES)


@dataclass
class Script:
    """Answers one after the other, and begins anew."""

    answers: list[tuple[int, str, Any]]
    asked: int = 0

    def get(self, url: str, headers: Mapping[str, str], authorization: str = "") -> Answer:
        status, challenge, body = self.answers[self.asked % len(self.answers)]
        self.asked += 1
        told = Message()
        told["WWW-Authenticate"] = challenge
        return Answer(status, told, json.dumps(body).encode())


@settings(max_examples=150, deadline=None)
@given(answers=st.lists(ANSWERS, min_size=1, max_size=6))
def test_nothing_else_comes_of_it(answers: list[tuple[int, str, Any]]) -> None:
    """No answer is a bug of ours."""
    asking = Catalogue("linux/amd64", Credentials({"auths": {"ghcr.io": {"auth": "YTpi"}}}, {}))
    with pytest.MonkeyPatch.context() as patch, suppress(RegistryFailed):
        patch.setattr(catalogue, "Exchange", lambda *_: Script(answers))
        for one in asking.offers("ghcr.io/team/web", 3, ()).found:
            iso(one.created)
        asking.offer(ImageRef("ghcr.io/team/web", "one"))
