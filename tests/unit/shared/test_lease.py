"""The lock that machines share: a lease, renewed while its holder lives, and safely taken over when he does not."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from deploykit.errors import ConfigError, EngineUnreachable, Interrupted, Locked, LockLost
from deploykit.interrupt import Interruption
from deploykit.lock import whoami
from deploykit.shared.lease import in_background
from deploykit.shared.packing import pack
from tests.unit.shared.machines import LEASE, Machines

RENEWAL = LEASE / 5


def test_another_machine_is_told_who_holds_it(machines: Machines) -> None:
    """With the time when it would be free if its holder had died; it is free when he lets go."""
    with machines.held("here", "deploy web:two"), pytest.raises(Locked) as caught, machines.held("there"):
        pass
    assert f"pid {os.getpid()}, {whoami()}" in str(caught.value)
    assert "(deploy web:two)" in str(caught.value)
    assert "the lock is free in 30s" in caught.value.hint
    with machines.held("there"):
        pass


def test_the_holder_is_seen_from_everywhere(machines: Machines) -> None:
    """None before, after, and when nothing was heard of it for a lease."""
    lock = machines.state("there").lock
    assert lock.holder() is None
    with machines.held("here", "deploy web:two"):
        holder = lock.holder()
        assert holder
        assert (holder.pid, holder.by, holder.doing) == (os.getpid(), whoami(), "deploy web:two")
        machines.clock.advance(LEASE)
        assert lock.holder() is None
    assert lock.holder() is None


def test_one_that_died_is_taken_over_when_its_lease_is_over(machines: Machines) -> None:
    """Not before; and only when it misses two renewals while somebody looks."""
    machines.dies_holding("here")
    machines.clock.advance(LEASE - 1)
    with pytest.raises(Locked), machines.held("there"):
        pass
    machines.clock.advance(1)
    before = machines.clock.elapsed
    with machines.held("there"):
        assert 2 * RENEWAL <= machines.clock.elapsed - before <= 2 * RENEWAL + 1


def test_one_that_is_only_said_to_have_died_is_heard(machines: Machines) -> None:
    """Engines' clocks are set, and those of a swarm differ: a holder whose lease seems to be over renews it."""
    machines.shelf.older = LEASE
    with machines.held("here") as held:
        renewals = iter([0.0, RENEWAL + 1, 2 * (RENEWAL + 1)])
        due = next(renewals)

        def renew_late() -> None:
            nonlocal due
            if machines.clock.elapsed >= due:
                held.renew()
                due = next(renewals, float("inf"))

        machines.clock.on_sleep = renew_late
        with pytest.raises(Locked), machines.held("there", wait=RENEWAL):
            pass
        held.check()


def test_one_that_died_in_the_future_is_taken_over_all_the_same(machines: Machines) -> None:
    """The engine's clock was set back since: who looks for a whole lease needs no other clock than its own."""
    machines.dies_holding("here")
    machines.shelf.older = -1e9
    with machines.held("there", wait=LEASE):
        assert LEASE <= machines.clock.elapsed <= LEASE + 1


def test_a_lease_lasts_as_long_as_its_holder_says(machines: Machines) -> None:
    """Whatever stands in the config of who wants it."""
    with machines.held("here") as held:
        machines.clock.advance(LEASE / 2)
        machines.lease = LEASE / 6
        assert machines.state("there").lock.holder()
        with pytest.raises(Locked) as caught, machines.held("there", wait=LEASE / 4):
            pass
        assert "is free in 8s" in caught.value.hint
        held.check()
    machines.dies_holding("there")
    machines.lease = LEASE
    with machines.held("here", wait=LEASE / 6):
        pass


def test_a_lock_that_was_made_anew_is_another(machines: Machines) -> None:
    """Where the state folder, or its lock, is removed under a holder, nobody takes him for dead."""
    with machines.held("here") as held:
        (machines.folder / "here/state/lock").unlink()
        with pytest.raises(Locked), machines.held("here"):
            pass
        held.check()


def test_a_machine_that_stood_still_with_all_its_clocks_hears_it_at_once(machines: Machines) -> None:
    """A machine that was paused knows of no time that has passed."""
    with machines.held("here") as held:
        before = machines.clock.elapsed, machines.clock.time()
        entry = machines.shelf.get("lock.lock")
        assert entry
        machines.shelf.remove(entry)
        with machines.held("there"):
            assert (machines.clock.elapsed, machines.clock.time()) == before
            with pytest.raises(LockLost):
                held.check()


def test_a_lock_that_was_let_go_by_another_stays_lost(machines: Machines) -> None:
    """What the other made of it is not what was left."""
    with machines.held("here") as held:
        machines.clock.advance(LEASE)
        with machines.held("there"):
            pass
        held.renew()
        with pytest.raises(LockLost, match=r"was taken over: nothing"):
            held.check()


def test_a_lock_that_is_swept_away_is_put_back(machines: Machines) -> None:
    """`docker volume prune`, say: the holder goes on, and nobody comes in between."""
    with machines.held("here") as held:
        entry = machines.shelf.get("lock.lock")
        assert entry
        machines.shelf.remove(entry)
        held.check()
        with pytest.raises(Locked), machines.held("there"):
            pass


def test_an_engine_that_takes_nothing_more_leaves_it_to_its_holder(machines: Machines) -> None:
    """Its disk is full: what served must come back all the same; no other could take the lock there."""
    with machines.held("here") as held:
        machines.clock.advance(LEASE)
        machines.shelf.full = True
        held.check()


def test_whatever_a_renewal_meets_the_next_one_is_tried(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread lives on."""
    with machines.held("here") as held:
        with monkeypatch.context() as broken:
            broken.setattr(machines.shelf, "put", lambda *_: 1 / 0)
            held.renew()
        machines.clock.advance(LEASE - 1)
        held.renew()
        machines.clock.advance(LEASE - 1)
        with pytest.raises(Locked), machines.held("there"):
            pass


def test_a_lock_that_cannot_be_read_is_told(machines: Machines) -> None:
    """With where it is, and what becomes of it."""
    machines.shelf.put("lock.lock", pack({"token": "x"}), None)
    with (
        pytest.raises(ConfigError, match=r"lock\.lock, which is kept .* cannot be read") as caught,
        machines.held("here"),
    ):
        pass
    assert "docker volume ls" in caught.value.hint


def test_waiting_is_long_enough_when_the_holder_died(machines: Machines) -> None:
    """With a wait of a lease and a renewal, the lock is taken over."""
    machines.dies_holding("here")
    before = machines.clock.elapsed
    with machines.held("there", wait=LEASE + RENEWAL):
        assert LEASE <= machines.clock.elapsed - before <= LEASE + RENEWAL + 2


def test_what_died_on_this_machine_is_not_waited_for(machines: Machines) -> None:
    """The lock of its folder tells that it is dead."""
    machines.dies_holding("here")
    assert machines.state("here").lock.holder() is None
    assert machines.state("there").lock.holder()
    with machines.held("here"):
        assert machines.clock.elapsed == 0


def test_one_whose_renewal_is_only_late_keeps_it(machines: Machines) -> None:
    """Its lease is over by the runtime's clock; renewed while it is watched, it tells the other that it lives."""
    with machines.held("here") as held:
        machines.clock.advance(LEASE + 1)
        machines.clock.on_sleep = held.renew
        with pytest.raises(Locked), machines.held("there"):
            pass
        held.check()


def test_renewed_in_time_it_lasts(machines: Machines) -> None:
    """As long as its holder lives."""
    with machines.held("here") as held:
        for _ in range(20):
            machines.clock.advance(RENEWAL)
            held.renew()
            with pytest.raises(Locked), machines.held("there"):
                pass


def test_who_lost_it_does_nothing_more(machines: Machines) -> None:
    """It hears of it as of an abort; every check names who has it; it takes nothing back, and frees nothing."""
    with machines.held("here") as held:
        machines.clock.advance(LEASE)
        with machines.held("there", "recover") as other:
            held.renew()
            assert held.abort_requested()
            with pytest.raises(LockLost, match=f"was taken over by pid {os.getpid()}, .*nothing was heard .* 30s"):
                held.check()
            held.let_go()
            other.check()
            assert not other.abort_requested()
            holder = machines.state("any").lock.holder()
            assert holder
            assert holder.doing == "recover"


def test_a_holder_that_slept_looks_before_it_goes_on(machines: Machines) -> None:
    """No renewal told it yet: the check itself does."""
    with machines.held("here") as held:
        machines.clock.advance(LEASE)
        with machines.held("there"), pytest.raises(LockLost):
            held.check()


def test_a_holder_that_slept_while_its_clock_stood_still_looks_too(machines: Machines) -> None:
    """A machine that was suspended has the time of day to tell it by."""
    with machines.held("here") as held:
        machines.clock.suspend(LEASE)
        with machines.held("there"), pytest.raises(LockLost):
            held.check()


def test_a_runtime_that_is_away_for_a_while_costs_nobody_the_lock(machines: Machines) -> None:
    """Renewals that fail are made up for; while nobody can tell, no command is run."""
    with machines.held("here") as held:
        machines.shelf.away = True
        machines.clock.advance(LEASE)
        held.renew()
        with pytest.raises(EngineUnreachable):
            held.check()
        machines.shelf.away = False
        held.check()
        assert not held.abort_requested()
        with pytest.raises(Locked), machines.held("there"):
            pass


def test_a_renewal_that_was_made_but_not_told_is_ours(machines: Machines) -> None:
    """Asked again, it is there already."""
    with machines.held("here") as held:
        machines.shelf.put_but_not_told = True
        held.renew()
        held.renew()
        held.check()
        assert not held.abort_requested()


def test_one_that_could_not_be_let_go_runs_out(machines: Machines) -> None:
    """The end of a deploy is none the worse for it."""
    with machines.held("here"):
        machines.shelf.away = True
    machines.shelf.away = False
    with pytest.raises(Locked), machines.held("there"):
        pass
    with machines.held("there", wait=2 * LEASE):
        pass


def test_any_machine_asks_the_holder_to_stop(machines: Machines) -> None:
    """He hears it with his next renewal; the next holder is not meant."""
    lock = machines.state("there").lock
    assert not lock.request_abort()
    with machines.held("here") as held:
        assert lock.request_abort()
        assert not held.abort_requested()
        held.renew()
        assert held.abort_requested()
    assert not lock.request_abort()
    with machines.held("here") as held:
        held.renew()
        assert not held.abort_requested()
    machines.dies_holding("here")
    machines.clock.advance(LEASE)
    assert not lock.request_abort()


def test_waiting_can_be_stopped(machines: Machines) -> None:
    """By a signal, while another machine holds it."""
    asked = Interruption()
    state = machines.state("there")
    state.prepare()
    with machines.held("here"):
        asked.event.set()
        with pytest.raises(Interrupted), state.lock.acquire("deploy", 60, asked):
            pass


def test_what_was_lost_once_stays_lost(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stands there later."""
    with machines.held("here") as held:
        with monkeypatch.context() as overtaken:
            overtaken.setattr(machines.shelf, "put", lambda *_: None)
            held.renew()
        held.renew()
        with pytest.raises(LockLost):
            held.check()


def test_it_is_renewed_five_times_while_it_lasts(machines: Machines) -> None:
    """By what holds it."""
    begun: list[tuple[Callable[[], None], float]] = []

    @contextmanager
    def beat(work: Callable[[], None], every: float) -> Iterator[None]:
        begun.append((work, every))
        yield

    state = machines.state("here")
    state.prepare()
    state.lock.beat = beat
    with state.lock.acquire("deploy", 0, Interruption()) as held:
        assert begun == [(held.renew, RENEWAL)]


def test_it_is_renewed_in_the_background() -> None:
    """By a thread that ends with the lock."""
    beats = threading.Semaphore(0)
    with in_background(beats.release, 0.001):
        assert beats.acquire(timeout=10)
        assert beats.acquire(timeout=10)
    assert not any(one.name == "deploykit-lease" for one in threading.enumerate())
