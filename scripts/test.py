"""All checks and all tests: `python -m scripts.test [all | unit | engine] [pytest's own arguments]`.

A real engine is set up where that can be done, and what was started for it is ended. The last line counts.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from scripts import leftovers
from scripts.memory import folder_of_run
from scripts.surroundings import Missing, end_on_signals, provide

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKS = {
    "ruff check": ["ruff", "check", "."],
    "ruff format": ["ruff", "format", "--check", "."],
    "mypy": ["mypy"],
    "pyright": ["pyright"],
    "pyright: the public types": ["pyright", "--verifytypes", "deploykit", "--ignoreexternal"],
}
SELECTIONS = {"all": "", "unit": "not engine", "engine": "engine"}
NOTHING_COLLECTED = 5
NO_ENGINE = "no engine: "  # how a skipped test begins its reason (tests/engine/support/fixtures.py)
PATIENCE = 60
REPORTS = Path(".cache", "reports")
"""Where pytest's JUnit reports of the last run are kept; `python -m scripts.reliability` reads them."""


@dataclass
class Outcome:
    """What went wrong, and the counts of pytest's reports."""

    counts: Counter[str] = field(default_factory=Counter)
    without_engine: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, report: Path) -> None:
        for case in ET.parse(report).iter("testcase"):
            ends = [child for child in case if child.tag in {"failure", "error", "skipped"}]
            self.counts[ends[0].tag if ends else "passed"] += 1
            self.without_engine += any((end.get("message") or "").startswith(NO_ENGINE) for end in ends)

    def line(self) -> str:
        names = {"passed": "passed", "failure": "failed", "error": "errors", "skipped": "skipped"}
        return "tests: " + ", ".join(f"{self.counts[key]} {name}" for key, name in names.items())


def main(argv: list[str]) -> int:
    selection = argv.pop(0) if argv and argv[0] in SELECTIONS else "all"
    end_on_signals()
    # Some thousand commands are started by the tests: compiling the sources anew for each would take most of the time.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    outcome = Outcome()
    if selection == "all":
        outcome.problems += [f"{name} failed" for name, passed in zip(CHECKS, _check_all(), strict=True) if not passed]
    with folder_of_run() as folder, _environment(selection, folder) as reason:
        _run_tests(outcome, SELECTIONS[selection], argv)
    return _conclude(outcome, reason)


@contextmanager
def _environment(selection: str, folder: Path) -> Iterator[str]:
    """Set up the engine and its registry; yields why there is none, or nothing."""
    with ExitStack() as stack:
        reason = "" if selection == "unit" else _provide(stack, folder)
        if reason:
            os.environ["DEPLOYKIT_TEST_NO_ENGINE"] = reason
        yield reason


def _provide(stack: ExitStack, folder: Path) -> str:
    name = f"dk{secrets.token_hex(3)}"
    stack.callback(leftovers.end, folder, name)
    try:
        registry = provide(stack, name)
    except Missing as error:
        return str(error)
    os.environ |= {
        "DEPLOYKIT_TEST_ENGINE": "1",
        "DEPLOYKIT_TEST_REGISTRY": registry.address,
        "DEPLOYKIT_TEST_RUN": name,
    }
    return ""


def _run_tests(outcome: Outcome, selection: str, arguments: list[str]) -> None:
    """Run the tests side by side, and those that measure time by themselves afterwards."""
    # One more than there are cores, as each waits now and then; with more, they wait for each other.
    workers = os.environ.get("DEPLOYKIT_TEST_WORKERS") or str((os.cpu_count() or 1) + 1)
    side_by_side = ["-n", workers, "--dist", "loadgroup"]
    for which, how in (("not timed", side_by_side), ("timed", [])):
        marked = f"({selection}) and {which}" if selection else which
        report = REPORTS / f"{which.replace(' ', '-')}.xml"
        report.unlink(missing_ok=True)
        code = _pytest(["-m", marked, f"--junitxml={report}", "--durations=15", *how, *arguments])
        if report.exists():
            outcome.add(report)
        if code not in {0, 1, NOTHING_COLLECTED}:
            outcome.problems.append(f"pytest ended with {code}")


def _pytest(arguments: list[str]) -> int:
    """Run pytest; when we are stopped, it is told once, so that its fixtures clean up."""
    process = subprocess.Popen([sys.executable, "-m", "pytest", *arguments], start_new_session=True)
    try:
        return process.wait()
    except BaseException:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
        raise
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _check_all() -> Iterator[bool]:
    """Run the checks side by side, and show one after the other what each says."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, done in zip(CHECKS, pool.map(_check, CHECKS.values()), strict=True):
            print(f"== {name}\n{done.stdout}", end="", flush=True)
            yield done.returncode == 0


def _check(check: list[str]) -> subprocess.CompletedProcess[str]:
    # Pyright asks the first Python on PATH for what is installed.
    environment = os.environ | {"PATH": f"{sys.prefix}/bin:{os.environ['PATH']}"}
    argv = [sys.executable, "-m", *check]
    return subprocess.run(
        argv,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def _conclude(outcome: Outcome, reason: str) -> int:
    """Say what was not done and why, then the counts."""
    if outcome.counts["failure"] or outcome.counts["error"]:
        outcome.problems.append("tests failed")
    if not outcome.counts.total():
        outcome.problems.append("no test was run")
    if reason:
        print(f"\n{outcome.without_engine} engine tests skipped: {reason}")
    if reason and os.environ.get("CI", "").lower() not in {"", "0", "false"}:
        outcome.problems.append("a missing engine is a failure, as CI is set")
    for problem in outcome.problems:
        print(f"FAILED: {problem}")
    print(outcome.line(), flush=True)
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
