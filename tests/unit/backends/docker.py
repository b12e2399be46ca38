"""A `docker` on PATH that answers what a test wrote, and notes how it was called."""

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from deploykit.backends.engine.client import Engine

SCRIPT = f"""#!{sys.executable} -IS
import json, os, sys, time
here = os.path.dirname(os.path.abspath(sys.argv[0]))
words = sys.argv[1:]
stdin = sys.stdin.read() if "-" in words else ""
with open(here + "/calls", "a") as calls:
    calls.write(json.dumps([words, dict(os.environ), stdin, os.listdir("/proc/self/fd")]) + "\\n")
def follows(wanted, words, at=0):
    for word in wanted:
        if word not in words[at:]:
            return False
        at = words.index(word, at) + 1
    return True
def answer(words):
    for number, (wanted, answers) in enumerate(json.load(open(here + "/rules.json"))):
        if follows(wanted, words):
            path = here + "/asked" + str(number)
            with open(path, "a") as asked:
                asked.write("x")
            return answers[min(os.path.getsize(path), len(answers)) - 1]
def api(target):
    path = target.removeprefix("/v1.41").partition("?")[0]
    with open(here + "/questions", "a") as questions:
        questions.write(path + "\\n")
    served = json.load(open(here + "/served.json"))
    if path == "/_ping":
        return 200, "OK"
    found = answer(served[path].split()) if path in served else None
    if not found:
        return 404, json.dumps(dict(message="page not found"))
    out, err, code, delay = found
    time.sleep(delay)
    return (500, json.dumps(dict(message=err))) if code else (200, out)
def serve():
    while asked := sys.stdin.readline():
        while sys.stdin.readline().strip():
            pass
        status, said = api(asked.split()[1])
        head = ("HTTP/1.1 " + str(status) + " X", "Api-Version: 1.41", "Date: Sun, 29 Nov 2026 21:00:00 GMT")
        head += ("Content-Length: " + str(len(said.encode())), "", said)
        sys.stdout.write("\\r\\n".join(head)); sys.stdout.flush()
found = answer(words)
if found:
    if words == ["system", "dial-stdio"]:
        os.read(0, 65536)
    out, err, code, delay = found
    sys.stdout.write(out); sys.stdout.flush()
    time.sleep(delay)
    sys.stderr.write(err)
    sys.exit(code)
if words != ["system", "dial-stdio"]:
    sys.exit("unexpected: docker " + " ".join(words))
serve()
"""

DIAL = ["system", "dial-stdio"]
ELSEWHERE = "ssh://engine.test"
"""An engine that has no socket here, so that nothing but the program is asked."""


class Answer(NamedTuple):
    """What is written to both streams, the exit code, and how long it takes to end."""

    out: str = ""
    err: str = ""
    code: int = 0
    seconds: float = 0


Call = tuple[list[str], dict[str, str], str, list[str]]
"""Its words, its environment, what it was given to read, and its open descriptors."""


class Docker:
    """What a call that has some words in it, in their order, is answered. The rule that was written last goes first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rules: list[tuple[list[str], tuple[Answer, ...]]] = []
        self.served: dict[str, str] = {}
        program = folder / "docker"
        program.write_text(SCRIPT)
        program.chmod(0o755)
        self._write()

    def answers(self, words: str, *answers: Answer) -> None:
        """Answer so, one after the other, and the last again and again."""
        self.rules.insert(0, (words.split(), answers))
        self._write()

    def says(self, words: str, *outputs: str | list[Any]) -> None:
        """Write this, a list as JSON, and succeed."""
        texts = [output if isinstance(output, str) else json.dumps(output) for output in outputs or ("",)]
        self.answers(words, *map(Answer, texts))

    def fails(self, words: str, error: str, code: int = 1, out: str = "") -> None:
        """Fail in these words."""
        self.answers(words, Answer(out, error, code))

    def hangs(self, words: str, out: str = "") -> None:
        """Write this, and do not end."""
        self.answers(words, Answer(out, seconds=60))

    def serves(self, path: str, words: str) -> None:
        """Answer over the engine's API, to who is connected by `dial-stdio`, what a call of these words is answered.

        What is not served is no page there, and asked by a call.
        """
        self.served[path] = words
        self._write()

    def calls(self, word: str = "") -> list[str]:
        """Every call with that word in it, as it was typed after `docker`, but those that lend a connection."""
        return [" ".join(words) for words, *_ in self._calls() if words != DIAL and (not word or word in words)]

    def connections(self) -> int:
        """How many calls were to lend a connection to the engine."""
        return sum(words == DIAL for words, *_ in self._calls())

    def questions(self) -> list[str]:
        """The path of every question over the API."""
        path = self.folder / "questions"
        return path.read_text().split() if path.exists() else []

    def environment(self, word: str) -> dict[str, str]:
        """The environment of the last call with that word in it."""
        return self._last(word)[1]

    def stdin(self, word: str) -> str:
        """What the last call with that word in it was given to read."""
        return self._last(word)[2]

    def inherited(self, word: str) -> list[int]:
        """The descriptors that were open in the last call with that word in it."""
        return [int(number) for number in self._last(word)[3]]

    def engine(self, **environment: str) -> Engine:
        """An engine behind this program, with that much more in its environment."""
        base = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "DOCKER_HOST": ELSEWHERE}
        return Engine(environment=base | environment)

    def _last(self, word: str) -> Call:
        return next(call for call in reversed(self._calls()) if word in call[0])

    def _calls(self) -> list[Call]:
        path = self.folder / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def _write(self) -> None:
        for asked in self.folder.glob("asked*"):
            asked.unlink()
        # By a name of their own first: one that serves may be reading.
        for name, content in (("rules", self.rules), ("served", self.served)):
            (self.folder / f"{name}.new").write_text(json.dumps(content))
            (self.folder / f"{name}.new").replace(self.folder / f"{name}.json")


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    """The scripted program, alone on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("HOME", str(folder))
    for name in [name for name in os.environ if name.startswith("DOCKER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DOCKER_HOST", ELSEWHERE)
    return Docker(folder)


def sha(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def container(name: str = "shop-web-1", image: str = "one", **fields: Any) -> dict[str, Any]:
    """What `docker container inspect` says of a container that runs; `labels` and `state` go into their tables."""
    labels: Mapping[str, str] = fields.pop("labels", {})
    state: Mapping[str, Any] = fields.pop("state", {})
    return {
        "Id": hashlib.sha256(name.encode()).hexdigest(),
        "Name": f"/{name}",
        "Image": sha(image),
        "Created": "2026-01-01T10:00:00.5Z",
        "RestartCount": 0,
        "State": {
            "Status": "running",
            "OOMKilled": False,
            "ExitCode": 0,
            "StartedAt": "2026-01-01T10:00:01Z",
            "FinishedAt": "0001-01-01T00:00:00Z",
            **state,
        },
        "Config": {"Image": f"registry.test/team/web:{image}", "Labels": dict(labels), "Env": ["DB_PASSWORD=hunter2"]},
        "NetworkSettings": {"Networks": {"shop_default": {"IPAddress": "172.18.0.3"}}},
        **fields,
    }


def image(tag: str = "one", **fields: Any) -> dict[str, Any]:
    """What `docker image inspect` says of an image of the registry's."""
    return {
        "Id": sha(tag),
        "RepoTags": [f"registry.test/team/web:{tag}"],
        "RepoDigests": [f"registry.test/team/web@{sha('digest of ' + tag)}"],
        "Config": {},
        **fields,
    }


def children() -> set[str]:
    """The processes of this one, those that have ended and are not waited for too."""
    return {one for path in Path("/proc/self/task").glob("*/children") for one in path.read_text().split()}
