"""The lock where several machines deploy: a lease on a shelf, which its holder renews, and others wait out.

No clock of another machine is trusted. How old a lease is, the engine says; and one that has run out is taken over only
when it was seen to stay as it is for as long as its holder would have taken to renew it.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from secrets import token_hex
from threading import Event, Lock, Thread
from typing import Any

from deploykit.errors import DeploykitError, Locked, LockLost
from deploykit.interrupt import Interruption
from deploykit.lock import FileLock, HeldFileLock, locked_by, myself
from deploykit.protocols import Clock, Entry, Holder, Shelf
from deploykit.shared.packing import overwrite, pack, unpack

LEASE = 30.0
"""Seconds that a holder who is not heard of keeps the lock."""
_BEATS = 5
"""How often a lease is renewed while it lasts."""
_POLL = 0.5
_KEY = "lock.lock"
_ABORT = "abort.abort"

Clocks = tuple[float, float]
"""Seconds by the machine's own clock, and by that of the day."""
Beat = Callable[[Callable[[], None], float], AbstractContextManager[None]]
"""Does something every so many seconds, while it is entered."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who has the lock, as it stands on the shelf. `place` is the state folder that it was taken from."""

    token: str
    place: str
    holder: Holder
    beat: int = 0

    @classmethod
    def of(cls, entry: Entry | None) -> "Claim | None":
        """Return whose the lock is; None when it is free."""
        said: dict[str, Any] = unpack(entry) if entry else {}
        if not said:
            return None
        return cls(said["token"], said["place"], Holder(**said["holder"]), said["beat"])


@contextmanager
def in_background(work: Callable[[], None], every: float) -> Iterator[None]:
    """Do it every so many seconds in a thread of its own."""
    over = Event()

    def beat() -> None:
        while not over.wait(every):
            work()

    thread = Thread(target=beat, name="deploykit-lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@dataclass
class Lease:
    """The lock on a shelf. On this machine `local` is taken first: so what dies here never has to be waited out here.

    `lease` is in seconds. `place` names the folder of `local`, and no other on any machine; None where
    nothing does.
    """

    shelf: Shelf
    local: FileLock
    place: Callable[[], str | None]
    clock: Clock
    lease: float = LEASE
    beat: Beat = in_background
    held: "HeldLease | None" = field(default=None, init=False)

    @contextmanager
    def acquire(self, doing: str, wait: float, interruption: Interruption) -> Iterator["HeldLease"]:
        began = self.clock.now()
        with self.local.acquire(doing, wait, interruption) as local:
            claim = Claim(token_hex(8), self.place() or token_hex(8), myself(doing, self.clock.time()))
            entry, since = self._take(claim, began + wait, interruption)
            held = HeldLease(self, local, claim, entry, since)
            self.held = held
            try:
                with self.beat(held.renew, self.lease / _BEATS):
                    yield held
            finally:
                self.held = None
                held.let_go()

    def holder(self) -> Holder | None:
        entry = self.entry()
        claim = Claim.of(entry)
        if entry is None or claim is None or entry.age >= self.lease or self._died_here(claim):
            return None
        return claim.holder

    def request_abort(self) -> bool:
        entry = self.entry()
        claim = Claim.of(entry)
        if claim is None or self.holder() is None:
            return False
        overwrite(self.shelf, _ABORT, pack(claim.token))
        return True

    def check(self) -> None:
        """Raise LockLost when it was held here, and is no more."""
        if self.held:
            self.held.check()

    def entry(self) -> Entry | None:
        """Return the lock as it stands on the shelf."""
        return self.shelf.read("lock").get("lock")

    def aborts(self, claim: Claim) -> bool:
        """Whether this very holder was asked to stop."""
        asked = self.shelf.read("abort").get("abort")
        return asked is not None and unpack(asked) == claim.token

    def clocks(self) -> Clocks:
        """Return what both clocks say: that of the machine stands still while it is suspended."""
        return self.clock.now(), self.clock.time()

    def _take(self, claim: Claim, until: float, interruption: Interruption) -> tuple[Entry, Clocks]:
        """Return what was put on the shelf, and when that was begun: from then on it counts as renewed."""
        silent = _Silence(self.clock, self.lease / _BEATS)
        while True:
            entry = self.entry()
            theirs = Claim.of(entry)
            out = entry is not None and entry.age >= self.lease
            if entry is None or theirs is None or theirs.place == claim.place or (out and silent.lasts(entry)):
                since = self.clocks()
                if mine := self.shelf.put(_KEY, _packed(claim), entry):
                    return mine, since
                continue
            interruption.check()
            if not out and self.clock.now() >= until:
                raise self._locked(theirs, entry)
            self.clock.sleep(_POLL)

    def _died_here(self, claim: Claim) -> bool:
        return claim.place == self.place() and self.local.holder() is None

    def _locked(self, theirs: Claim, entry: Entry) -> Locked:
        left = f"If it has died, the lock is free in {max(1.0, self.lease - entry.age):.0f}s."
        return locked_by(
            theirs.holder, hint=f"Wait for it with --lock-wait SECONDS, or stop it with `deploykit abort`. {left}"
        )


@dataclass
class HeldLease:
    """The lease while it is held. Threads take turns."""

    lock: Lease
    local: HeldFileLock
    claim: Claim
    entry: Entry
    renewed: Clocks

    def __post_init__(self) -> None:
        self._turn = Lock()
        self._lost = False
        self._aborted = False

    @property
    def inherit(self) -> tuple[int, ...]:
        return self.local.inherit

    def abort_requested(self) -> bool:
        return self._lost or self._aborted or self.local.abort_requested()

    def renew(self) -> None:
        """Say that the holder lives, and hear whether he is to stop. What cannot be said now is said the next time."""
        with self._turn, suppress(DeploykitError):
            self._renew()
            self._aborted = self._aborted or self.lock.aborts(self.claim)

    def check(self) -> None:
        """Raise LockLost when another has the lock; EngineUnreachable when nobody can tell."""
        with self._turn:
            if not self._lost and self._is_old():
                self._renew()
            if self._lost:
                raise self._taken_over()

    def let_go(self) -> None:
        """Leave the lock to others. When that cannot be said, they wait the lease out."""
        with self._turn, suppress(DeploykitError):
            if not self._lost:
                self.lock.shelf.put(_KEY, pack({}), self.entry)

    def _renew(self) -> None:
        if self._lost:
            return
        began = self.lock.clocks()
        claim = replace(self.claim, beat=self.claim.beat + 1)
        entry = self.lock.shelf.put(_KEY, _packed(claim), self.entry)
        if entry is None:
            self._lost = True
        else:
            self.claim, self.entry, self.renewed = claim, entry, began

    def _is_old(self) -> bool:
        """Whether others may take it over soon, by either clock."""
        gone = [now - then for now, then in zip(self.lock.clocks(), self.renewed, strict=True)]
        return max(gone) > self.lock.lease / 2

    def _taken_over(self) -> LockLost:
        theirs = None
        with suppress(DeploykitError):
            theirs = Claim.of(self.lock.entry())
        who = f" by pid {theirs.holder.pid}, {theirs.holder.by}" if theirs else ""
        msg = f"the lock was taken over{who}: nothing was heard of this run for {self.lock.lease:g}s"
        return LockLost(msg, hint="What was begun is finished there: `deploykit status` tells.")


@dataclass
class _Silence:
    """How long a lease that has run out stays as it is."""

    clock: Clock
    enough: float
    version: str = ""
    since: float = 0.0

    def lasts(self, entry: Entry) -> bool:
        """Whether it has been the same for as long as its holder would have taken to renew it."""
        if entry.version != self.version:
            self.version, self.since = entry.version, self.clock.now()
        return self.clock.now() - self.since >= self.enough


def _packed(claim: Claim) -> bytes:
    return pack(asdict(claim))
