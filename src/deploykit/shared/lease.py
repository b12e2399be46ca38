"""The lock where several machines deploy: a lease on a shelf, which its holder renews, and others wait out.

No clock but the own one is trusted, and that only while it is looked at: a lease that was seen to stay as it is for all
of its time has run out. Where the engine says that it is that old already, it need only miss two renewals.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from secrets import token_hex
from threading import Event, Lock, Thread
from typing import Any

from deploykit.errors import ConfigError, DeploykitError, Locked, LockLost
from deploykit.interrupt import Interruption
from deploykit.lock import FileLock, HeldFileLock, locked_by, myself, place_of
from deploykit.protocols import Clock, Entry, Holder, Shelf
from deploykit.shared.packing import overwrite, pack, unpack

LEASE = 30.0
"""Seconds that a holder who is not heard of keeps the lock."""
_BEATS = 5
"""How often a lease is renewed while it lasts."""
_MISSED = 2
"""Renewals that one who is said to have died must miss while somebody looks."""
_POLL = 0.5
_KEY = "lock.lock"
_ABORT = "abort.abort"

Beat = Callable[[Callable[[], None], float], AbstractContextManager[None]]
"""Does something every so many seconds, while it is entered."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who has the lock, as it stands on the shelf. `place` is where: the local lock that it was taken with.

    `lease` is his own, in seconds: others may have another in their config.
    """

    token: str
    place: str
    lease: float
    holder: Holder
    beat: int = 0

    @classmethod
    def of(cls, entry: Entry | None) -> "Claim | None":
        """Return whose the lock is; None when it is free."""
        return unpack(entry, cls._read) if entry else None

    @classmethod
    def _read(cls, said: dict[str, Any]) -> "Claim | None":
        return cls(**{**said, "holder": Holder(**said["holder"])}) if said else None


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

    `lease` is in seconds.
    """

    shelf: Shelf
    local: FileLock
    clock: Clock
    lease: float = LEASE
    beat: Beat = in_background
    held: "HeldLease | None" = field(default=None, init=False)

    @contextmanager
    def acquire(self, doing: str, wait: float, interruption: Interruption) -> Iterator["HeldLease"]:
        began = self.clock.now()
        with self.local.acquire(doing, wait, interruption) as local:
            place = place_of(local.descriptor) or token_hex(8)
            claim = Claim(token_hex(8), place, self.lease, myself(doing, self.clock.time()))
            self._take(claim, began + wait, interruption)
            held = HeldLease(self, local, claim)
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
        if entry is None or claim is None or entry.age >= claim.lease or self._died_here(claim):
            return None
        return claim.holder

    def request_abort(self) -> bool:
        claim = Claim.of(self.entry())
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
        return self.shelf.get(_KEY)

    def aborts(self, claim: Claim) -> bool:
        """Whether this very holder was asked to stop."""
        asked = self.shelf.get(_ABORT)
        return asked is not None and unpack(asked, str) == claim.token

    def _take(self, claim: Claim, until: float, interruption: Interruption) -> None:
        silence = _Silence(self.clock)
        while True:
            entry = self.entry()
            theirs = Claim.of(entry)
            if entry is None or theirs is None or theirs.place == claim.place or silence.tells(entry, theirs):
                if self.shelf.put(_KEY, _packed(claim), entry):
                    return
                continue
            interruption.check()
            if self.clock.now() >= until and not silence.may_tell_soon(entry, theirs):
                raise self._locked(theirs, entry)
            self.clock.sleep(_POLL)

    def _died_here(self, claim: Claim) -> bool:
        return claim.place == place_of(self.local.path) and self.local.holder() is None

    def _locked(self, theirs: Claim, entry: Entry) -> Locked:
        left = f"If it has died, the lock is free in {max(1.0, theirs.lease - entry.age):.0f}s."
        return locked_by(
            theirs.holder, hint=f"Wait for it with --lock-wait SECONDS, or stop it with `deploykit abort`. {left}"
        )


@dataclass
class HeldLease:
    """The lease while it is held. Threads take turns."""

    lock: Lease
    local: HeldFileLock
    claim: Claim

    def __post_init__(self) -> None:
        self._turn = Lock()
        self._lost = False
        self._aborted = False

    @property
    def inherit(self) -> tuple[int, ...]:
        return self.local.inherit

    def abort_requested(self) -> bool:
        return self._lost or self._aborted

    def renew(self) -> None:
        """Say that the holder lives, and hear whether he is to stop. What cannot be said now is said the next time."""
        with self._turn, suppress(Exception):  # whatever it is: it must not end the thread, and `check` tells of it
            self._see(oldest=0)
            self._aborted = self._aborted or self.lock.aborts(self.claim)

    def check(self) -> None:
        """Raise LockLost when another has the lock; EngineUnreachable when nobody can tell."""
        with self._turn:
            # Always looked at: no clock of a machine that was made to stand still tells for how long.
            self._see(oldest=self.claim.lease / 2)
            if self._lost:
                raise self._taken_over()

    def let_go(self) -> None:
        """Leave the lock to others. When that cannot be said, they wait the lease out."""
        with self._turn, suppress(DeploykitError):
            if (there := self._look()) and not self._lost:
                self.lock.shelf.put(_KEY, pack({}), there)

    def _see(self, oldest: float) -> None:
        """See whose it is, and renew it when it is that old, or gone: nobody took it then."""
        there = self._look()
        if self._lost or (there and there.age < oldest):
            return
        self.claim = replace(self.claim, beat=self.claim.beat + 1)
        with suppress(ConfigError):  # it is ours, and what takes nothing from us takes it from nobody
            self._lost = self.lock.shelf.put(_KEY, _packed(self.claim), there) is None

    def _look(self) -> Entry | None:
        """Return what is there, None for nothing; what is another's, or was let go by one, is lost for good."""
        there = self.lock.entry()
        if there:
            claim = Claim.of(there)
            self._lost = self._lost or claim is None or claim.token != self.claim.token
        return there

    def _taken_over(self) -> LockLost:
        theirs = None
        with suppress(DeploykitError):
            theirs = Claim.of(self.lock.entry())
        who = f" by pid {theirs.holder.pid}, {theirs.holder.by}" if theirs else ""
        msg = f"the lock was taken over{who}: nothing was heard of this run for {self.claim.lease:g}s"
        return LockLost(msg, hint="What was begun is finished there: `deploykit status` tells.")


@dataclass
class _Silence:
    """Whether a holder has died, who would have renewed his lease while it is looked at."""

    clock: Clock
    seen: bytes = b""
    since: float = 0.0
    lives: bool = False

    def tells(self, entry: Entry, claim: Claim) -> bool:
        """Whether he has been silent for long enough."""
        if entry.content != self.seen:
            self.lives = bool(self.seen)
            self.seen, self.since = entry.content, self.clock.now()
        enough = _MISSED / _BEATS * claim.lease if self.may_tell_soon(entry, claim) else claim.lease
        return self.clock.now() - self.since >= enough

    def may_tell_soon(self, entry: Entry, claim: Claim) -> bool:
        """Whether the engine says that he has died, and nothing was heard of him: its clock may have been set."""
        return entry.age >= claim.lease and not self.lives


def _packed(claim: Claim) -> bytes:
    return pack(asdict(claim))
