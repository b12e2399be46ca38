"""The undo stack of good releases, and what is chosen from it."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploykit.errors import Outcome
from deploykit.record import Kind, Record
from deploykit.release import Release
from deploykit.stack import barrier, counts_as_running, fold, newest_other, restore_target, rollback_target
from deploykit.states import State
from tests.unit.made import release, row


@dataclass
class History:
    """Deployments, told in a line: `a` deploys a; `<a` rolls back to it; `a!` fails; `+a` finds it healthy first.

    `-a` finds it unhealthy; `<a*` makes today's version `a*` of it. A release keeps the number that it was first tried
    under.
    """

    line: str

    def rows(self) -> list[Record]:
        self.first: dict[str, int] = {}
        self.current: Release | None = None
        rows: list[Record] = []
        for number, word in enumerate(self.line.split(), 1):
            rows.append(self.row(number, word))
            self.current = rows[-1].serving
        return rows

    def row(self, number: int, word: str) -> Record:
        found = word[0] in "+-"
        name = word.strip("+-<!")
        if found:
            one = self.release(name, number)
            return row(number, state=State.failed, current=one, adopted=True, current_healthy=word[0] == "+")
        kind = Kind.rollback if word.startswith("<") else Kind.deploy
        made_from = self.release(name.removesuffix("*"), number) if name.endswith("*") else None
        state = State.rolled_back if word.endswith("!") else State.healthy
        candidate = self.release(name, number)
        return row(
            number, kind, state, candidate=candidate, made_from=made_from, current=self.current, restore=self.current
        )

    def release(self, name: str, number: int) -> Release:
        return release(name.replace("*", "-today"), self.first.setdefault(name, number))


def tags(stack: Iterable[Release]) -> str:
    return " ".join(str(one.image.tag).replace("-today", "*") for one in stack)


@pytest.mark.parametrize(
    ("line", "stack"),
    [
        ("", ""),
        ("a b c", "a b c"),
        ("a b b", "a b b"),
        ("a b!", "a"),
        ("a b c <b", "a b"),
        ("a b c <b <a", "a"),
        ("a b c <b <a d", "a d"),
        ("a b c <a", "a"),
        ("a b <a!", "a b"),
        ("a b a <b", "a b"),
        ("a b b <a", "a"),
        # Not in the stack: it drops the release that it leaves, unless it was deployed later than that.
        ("a b c! <c", "a b c"),
        ("a b <a <b", "a b"),
        ("a b c <b <a d <c", "a c"),
        ("a x! b <x", "a x"),
        ("a x! b a <x", "a b x"),
        # An image that was at hand and never deployed by us was not deployed later.
        ("a b <q", "a q"),
        # Adoption.
        ("+z a", "z a"),
        ("-z a", "a"),
        ("a +z <a", "a"),
        ("a +z <z", "a z"),
        ("a -z <a", "a"),
        # --files current: the new release takes the place of the one it was made from.
        ("a b <a*", "a*"),
        ("a b c <b* <a", "a"),
    ],
)
def test_the_stack_after_a_history(line: str, stack: str) -> None:
    """Good deploys and adoptions push, rollbacks pop down to what they brought, and nothing else changes it."""
    assert tags(fold(History(line).rows())) == stack


def test_an_adoption_counts_however_the_deployment_that_found_it_ended() -> None:
    """What was found healthy is good, even when the deployment that found it was abandoned."""
    found = release("z")
    for state in (State.failed, State.rolled_back, State.healthy):
        assert [*fold([row(state=state, current=found, adopted=True, current_healthy=True)])] == [found]


def test_an_unchanged_deploy_pushes_too() -> None:
    """A deploy that reaches healthy without starting anything is good again."""
    one = release("a")
    assert [*fold([row(1, candidate=one), row(2, candidate=one, current=one, started=False)])] == [one, one]


def test_a_rollback_goes_to_the_newest_good_release_that_is_not_what_runs() -> None:
    """Releases that are the same as what runs are passed over, wherever they lie."""
    a, b = release("a", 1), release("b", 2)
    assert rollback_target((a, b, b), b) == a
    assert rollback_target((a, b), None) == b
    assert rollback_target((a,), a) is None
    assert rollback_target((), a) is None
    assert rollback_target((a, b), release("b", 9)) == a, "its id does not matter, its content does"
    assert rollback_target((a, b), release("b", 2, {"env": "other"})) == b, "other files are another release"


@pytest.mark.parametrize(
    ("stack", "current", "good", "candidate", "target"),
    [
        ("", None, False, "x", None),
        ("a", None, False, "x", "a"),
        ("a b", None, False, "b", "a"),
        ("a b", "b", True, "x", "b"),
        ("a b", "b", True, "b", "b"),
        ("a b", "z", False, "x", "b"),
        ("a b", "z", False, "b", "a"),
        ("", "z", False, "x", "z"),
        ("", "z", False, "z", None),
        ("", "z", True, "z", "z"),
    ],
)
def test_what_a_failure_goes_back_to(
    stack: str, current: str | None, good: bool, candidate: str, target: str | None
) -> None:
    """What served, if it is good; else the newest good one, not the candidate; in the last resort what served."""
    chosen = restore_target(
        tuple(release(name) for name in stack.split()),
        release(current) if current else None,
        current_good=good,
        is_candidate=lambda one: one.image.tag == candidate,
    )
    assert (chosen.image.tag if chosen else None) == target


def test_the_newest_other_is_the_newest_that_is_not_excluded() -> None:
    """Looked for from the newest on."""
    one, two = release("a"), release("b")
    assert newest_other([one, two], lambda release: release == two) == one


WORDS = st.lists(
    st.builds(
        lambda kind, name: kind.format(name),
        st.sampled_from(["{}", "<{}", "{}!", "<{}!", "+{}"]),
        st.sampled_from("abcd"),
    ),
    max_size=12,
)


@given(WORDS)
def test_the_stack_is_what_a_simple_model_says(words: list[str]) -> None:
    """Against a model that keeps a plain list of names, and for each the number of its last deploy."""
    model: list[str] = []
    deployed: dict[str, int] = {}
    serves = ""
    for number, word in enumerate(words, 1):
        name = word.strip("<!+")
        if word[0] == "+":
            model.append(name)
            serves = name
            deployed[name] = number
            continue
        if word[0] != "<":
            deployed[name] = number
        if word.endswith("!"):
            continue
        if word[0] != "<":
            model.append(name)
        elif name in model:
            while model[-1] != name:
                model.pop()
        else:
            if model and model[-1] == serves and deployed.get(name, 0) <= deployed.get(serves, 0):
                model.pop()
            model.append(name)
        serves = name
    assert tags(fold(History(" ".join(words)).rows())) == " ".join(model)


@given(WORDS)
def test_rolling_back_again_and_again_walks_down_the_stack(words: list[str]) -> None:
    """A second rollback goes one further back, never to the same twice, and ends when there is nothing left."""
    rows = History(" ".join(words)).rows()
    stack = fold(rows)
    running = rows[-1].serving if rows else None
    seen: list[str] = []
    while target := rollback_target(stack, running):
        number = len(rows) + 1
        rows.append(row(number, Kind.rollback, candidate=target, current=running))
        stack, running = fold(rows), target
        assert stack[-1].same_as(target)
        seen.append(str(target.image.tag))
        assert len(seen) <= len(words)
    assert all(first != second for first, second in itertools.pairwise(seen))


def test_a_release_whose_restore_failed_does_not_count_as_running() -> None:
    """Until something replaces it, or finds it healthy."""
    bad = release("a")
    failed = row(1, state=State.failed, started=True, restore=bad, outcome=Outcome.restore_failed)
    untouched = row(2, state=State.failed, current=bad, current_healthy=False)
    found = replace(untouched, current_healthy=True)
    unchanged = row(3, candidate=bad, started=False)
    assert counts_as_running([failed], bad) is None
    assert counts_as_running([untouched, failed], bad) is None
    assert counts_as_running([found, failed], bad) == bad
    assert counts_as_running([unchanged, failed], bad) == bad
    assert counts_as_running([failed], release("b")) == release("b")
    assert counts_as_running([failed], None) is None
    assert counts_as_running([], bad) == bad


def test_what_lies_behind_an_irreversible_release() -> None:
    """Going to what was deployed before it crosses it; to itself, or to what came after, does not."""
    a, b, c = release("a", 1), release("b", 2, irreversible=True), release("c", 3)
    rows = [row(3, candidate=c), row(2, candidate=b), row(1, candidate=a)]
    assert barrier(rows, a) == b
    assert barrier(rows, b) is None
    assert barrier(rows, c) is None
    assert barrier(rows, release("never")) == b
    assert barrier(rows, None) == b
    assert barrier([row(4, candidate=a), *rows], a) is None, "deployed anew since"
    assert barrier([row(4, Kind.rollback, candidate=a), *rows], a) == b
    began = row(2, state=State.failed, candidate=b, prepared=True)
    assert barrier([began, row(1, candidate=a)], a) == b, "its release command began"
    assert barrier([replace(began, prepared=False), row(1, candidate=a)], a) is None
    assert barrier([row(3, candidate=c, current=a, adopted=True), *rows[1:]], a) is None, "found running since"


class Rows:
    """Deployments that notes how many of them were read, from the end."""

    def __init__(self, rows: list[Record]) -> None:
        self.rows = rows
        self.read = 0

    def __iter__(self) -> Iterator[Record]:
        raise AssertionError

    def __reversed__(self) -> Iterator[Record]:
        for one in reversed(self.rows):
            self.read += 1
            yield one


def test_a_long_history_is_read_only_as_far_as_it_is_looked_at() -> None:
    """What a rollback goes to, and what is the newest, is at the end; however much was deployed before."""
    rows = Rows(History(" ".join(f"v{number}" for number in range(200)) + " <v150 w").rows())
    stack = fold(rows)
    assert stack[-1].image.tag == "w"
    assert rows.read == 1
    assert rollback_target(stack, stack[-1]) == stack[-2]
    assert rows.read == 2
    assert tags(itertools.islice(reversed(stack), 3)) == "w v150 v149"
    assert rows.read < 60


def test_a_stack_is_a_sequence() -> None:
    """Of any depth, none among them; from either end."""
    stack = fold(History("a b c").rows())
    assert (len(stack), bool(stack), tags(stack[:2]), stack[0].image.tag, stack[-3].image.tag) == (
        3,
        True,
        "a b",
        "a",
        "a",
    )
    with pytest.raises(IndexError):
        stack[-4]
    assert (len(fold([])), bool(fold([])), [*fold([])]) == (0, False, [])


def test_the_deployment_that_is_just_ending_comes_last() -> None:
    """Before its row says so."""
    *before, last = History("a b <a").rows()
    assert tags(fold(before, last)) == "a"


def from_the_bottom(rows: list[Record]) -> list[Release]:
    """The same stack, told deployment by deployment: what `fold` must come to from the other end."""
    stack: list[Release] = []
    deployed: dict[str, int] = {}
    for one in rows:
        if one.adopted and one.current_healthy and one.current:
            stack.append(one.current)
        for found in (one.current if one.adopted else None, one.candidate if one.kind is Kind.deploy else None):
            if found and (found is one.current or one.started or one.good):
                deployed[found.fingerprint] = one.number
        if not (one.good and one.candidate):
            continue
        if one.kind is Kind.rollback:
            wanted = one.made_from or one.candidate
            depths = [depth for depth, release in enumerate(stack) if release.same_as(wanted)]
            if depths:
                del stack[depths[-1] :]
            elif stack and stack[-1].same_as(one.current):
                newest = deployed.get(stack[-1].fingerprint, 0)
                del stack[len(stack) - (deployed.get(wanted.fingerprint, 0) <= newest) :]
        stack.append(one.candidate)
    return stack


NAMED = st.sampled_from("abcd")
ROWS = st.lists(
    st.tuples(
        st.sampled_from(Kind),
        st.sampled_from([State.healthy, State.healthy, State.failed, State.rolled_back]),
        NAMED,
        NAMED,
        st.sampled_from([False, False, True]),
        st.booleans(),
        st.sampled_from([None, None, "a", "b"]),
    ),
    max_size=14,
)


@given(ROWS)
def test_from_the_top_the_stack_is_what_it_is_from_the_bottom(
    told: list[tuple[Kind, State, str, str, bool, bool, str | None]],
) -> None:
    """Whatever happened: rollbacks to what was never good, adoptions in between, one after the other."""
    rows = [
        row(
            number,
            kind,
            state,
            candidate=release(name),
            current=release(current),
            adopted=adopted,
            current_healthy=healthy,
            made_from=release(made_from) if made_from and kind is Kind.rollback else None,
        )
        for number, (kind, state, name, current, adopted, healthy, made_from) in enumerate(told, 1)
    ]
    assert [*fold(rows)] == from_the_bottom(rows)
