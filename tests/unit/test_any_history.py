"""Any history of deploys, failures, kills, rollbacks and hands: what must hold holds after each of them."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from deploykit.errors import DeploykitError, Outcome
from deploykit.result import Result
from tests.unit.scenarios import targets_are_kept
from tests.unit.world import World, name

TAGS = ("a", "b", "c")
ENDS = ("good", "crashes", "never", "wrong")


class AnyHistory(RuleBasedStateMachine):
    """A world, and a plain list of the good releases beside it: the simplest account of what `rollback` goes to."""

    @initialize(strategy=st.sampled_from(["recreate", "rolling"]))
    def begin(self, strategy: str) -> None:
        self.world = World()
        self.world.backend.strategy = strategy  # type: ignore[assignment]
        self.good: list[str] = []

    # What may happen.

    @rule(tag=st.sampled_from(TAGS), end=st.sampled_from(ENDS), force=st.booleans())
    def deploy(self, tag: str, end: str, *, force: bool) -> None:
        """A new image under a tag, which turns out so."""
        script = self.world.backend.push(tag)
        if end == "crashes":
            script.crashes()
        elif end == "never":
            script.never_ready()
        elif end == "wrong":
            script.pull_fails()
        self._note(self.world.deploy(tag, force=force))

    @rule(tag=st.sampled_from(TAGS))
    def deploy_again(self, tag: str) -> None:
        """Whatever the tag names."""
        self._note(self.world.deploy(tag))

    @rule()
    def rollback(self) -> None:
        """One back: to the newest good release that is not what runs."""
        expected = next((one for one in reversed(self.good) if one != self._running()), None)
        by_hand = self.world.app.status().previous
        try:
            result = self.world.rollback()
        except DeploykitError:
            assert expected is None or (by_hand and not by_hand.id)
            return
        if by_hand and by_hand.id and result.exit_code == 0 and expected:
            assert self._running() == expected
        self._adopt()
        self._pop(result)

    @rule(
        number=st.integers(0, 45), tag=st.sampled_from(TAGS), bad=st.booleans(), verb=st.sampled_from(["run", "back"])
    )
    def killed(self, number: int, tag: str, *, bad: bool, verb: str) -> None:
        """A deploy or a rollback is killed somewhere, and so may be its recovery."""
        if bad:
            self.world.backend.push(tag).crashes()
        act = (lambda: self.world.deploy(tag)) if verb == "run" else self.world.rollback
        self.world.killed_at(number, act)
        self.world.killed_at(number // 3, self.world.recover)
        self.world.recover()
        self._recount()

    @rule(tag=st.sampled_from(TAGS))
    def start_by_hand(self, tag: str) -> None:
        """Somebody runs an image beside deploykit's back, in place of what serves."""
        self.world.backend.push(tag)
        self.world.backend.serving(tag)

    @rule()
    def stop_by_hand(self) -> None:
        """Somebody stops all there is."""
        self.world.backend.kill()

    @rule()
    def prune_by_hand(self) -> None:
        """Somebody runs `docker image prune -f`."""
        self.world.backend.prune()

    @rule(seconds=st.sampled_from([10, 4000]))
    def away(self, seconds: int) -> None:
        """The engine is away while somebody deploys; it is back when it is recovered."""
        self.world.when("backend.start", "before", lambda: self.world.backend.goes_away(seconds))
        self.world.deploy("a", force=True)
        self.world.moments.hooks.clear()
        self.world.backend.comes_back()
        self.world.recover()
        self._recount()

    # What must hold.

    @invariant()
    def nothing_is_left_half_way(self) -> None:
        assert all(row.ended for row in self.world.rows)
        assert self.world.state.lock.holder() is None

    @invariant()
    def the_stack_is_the_plain_list(self) -> None:
        assert [one.split("@")[0] for one in self._stack()] == self.good

    @invariant()
    def targets_can_be_gone_back_to(self) -> None:
        last = self.world.rows[0] if self.world.rows else None
        if last and last.serving and last.serving.id and self._runs(last.serving.id):
            targets_are_kept(self.world, last.serving)

    @invariant()
    def what_failed_is_never_gone_back_to(self) -> None:
        last = self.world.rows[0] if self.world.rows else None
        if last and last.state.name == "rolled_back" and last.restore:
            stack = {one.rpartition("@")[2] for one in self._stack()}
            assert last.restore.id in stack or last.restore.same_as(last.current)

    # The plain list.

    def _stack(self) -> list[str]:
        from deploykit.stack import fold

        return [f"{name(one)}:{str(one.image.id)[-6:]}@{one.id}" for one in fold(reversed(self.world.rows))]

    def _running(self) -> str | None:
        current = self.world.app.status().current
        return f"{name(current)}:{str(current.image.id)[-6:]}" if current else None

    def _runs(self, release_id: str) -> bool:
        return release_id in {one.instance.release for one in self.world.backend.living()}

    def _note(self, result: Result) -> None:
        self._adopt()
        if result.outcome in {Outcome.deployed, Outcome.unchanged} and result.release:
            self.good.append(_told(result.release))

    def _adopt(self) -> None:
        """What was found when the last deployment began, and passed its look, is good."""
        last = self.world.rows[0] if self.world.rows else None
        if last and last.adopted and last.current_healthy and last.current:
            self.good.append(_told(last.current))

    def _pop(self, result: Result) -> None:
        assert result.release
        brought = _told(result.release)
        if result.exit_code == 0 and brought in self.good:
            while self.good[-1] != brought:
                self.good.pop()
        elif result.exit_code == 0:
            self._recount()

    def _recount(self) -> None:
        """After a kill the list is what the journal says; that is checked against what runs, elsewhere."""
        self.good = [one.split("@")[0] for one in self._stack()]


def _told(release: object) -> str:
    from deploykit.release import Release

    assert isinstance(release, Release)
    return f"{name(release)}:{str(release.image.id)[-6:]}"


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(max_examples=60, stateful_step_count=12, deadline=None, derandomize=True)
